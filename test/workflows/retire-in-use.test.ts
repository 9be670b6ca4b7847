import { Client as CvmClient } from 'tencentcloud-sdk-nodejs/tencentcloud/services/cvm/v20170312/cvm_client';
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { listFamily, retireFamily } from '../../client';
import type { Release } from '../../contract';
import { type BuildStack, startBuildStack, testDurations } from '../support/build-stack';
import { ids, until } from '../support/judge';
import { familyInCloud, pipelineOf, region, release } from '../support/releases';

const shanghai = 'ap-shanghai';
const partner = '100000000002';

describe('retirement of what is in use or shared', () => {
  let stack: BuildStack;
  before(async () => {
    stack = await startBuildStack({ simulator: { durations: { ...testDurations, copy: 120 } } });
    await stack.cloud.seed({ imageQuota: { [region]: 200, [shanghai]: 200 } });
  });
  after(() => stack.stop());

  const night = (count: number) => new Date(Date.UTC(2026, 10, count)).toISOString();
  const imageIn = ({ images }: Release, where: string) => images.find((image) => image.region === where)!;
  const cvmIn = (where: string) =>
    new CvmClient({
      credential: { secretId: 'AKIDsimulator', secretKey: 'simulator' },
      region: where,
      profile: { httpProfile: { protocol: 'http://', endpoint: new URL(stack.cloud.url).host } },
    });
  /** Somebody launches an instance from an image; answers its ID once it runs. */
  const launched = async (where: string, ImageId: string) => {
    const { InstanceIdSet } = await cvmIn(where).RunInstances({
      ImageId,
      Placement: { Zone: `${where}-3` },
      InstanceType: 'S5.MEDIUM4',
    });
    const [id] = InstanceIdSet!;
    await until(async () => {
      const { instances } = await stack.cloud.state(where);
      return instances.find((one) => one.id === id)?.state === 'RUNNING' ? true : undefined;
    });
    return id!;
  };

  test('an image that stays after all, and could not be shared again at once, is shared again later', async () => {
    const pipeline = await pipelineOf(stack, { distribute: { accounts: [partner] } }, { dataDisks: 0 });
    const { family } = pipeline;
    const made: Release[] = [];
    for (let count = 1; count <= 3; count += 1) made.push(await release(stack, pipeline, { nominalAt: night(count) }));
    const { imageId } = imageIn(made[0]!, region);
    const refusal = { kind: 'error', code: 'InvalidParameterValue', message: 'not today', when: 'before' };
    const share = { ImageId: imageId, Permission: 'SHARE' };
    const fired = [
      await stack.cloud.armed({ action: 'DeleteImages', contains: imageId, ...refusal }),
      // For all accounts at once, and for each by itself.
      await stack.cloud.armed({ action: 'ModifyImageSharePermission', match: share, ...refusal, times: 2 }),
    ];
    const { client, taskQueue } = stack;
    const { accountId } = await listFamily(client, { region, family }, { taskQueue });
    const rules = { keep: 1, youngerThan: 0, keepRejected: 0, now: night(9), dryRun: false };
    const place = { region, heartbeat: 5 };
    const [left] = await retireFamily(client, { accountId, family, taskQueue }, { place, ...rules });
    for (const one of fired) await one();
    assert.deepEqual([left!.imageId, left!.outcome], [imageId, 'left']);
    assert.match(left!.problem!, /could not be shared again with 100000000002/);
    const accounts = await until(async () => {
      const image = (await stack.cloud.state(region)).images.find(({ id }) => id === imageId);
      const shares = image!.shares as { account: string }[];
      return shares.length > 0 ? shares.map(({ account }) => account) : undefined;
    });
    assert.deepEqual(accounts, [partner]);
  });

  test('an image that an instance uses stays, at home and in a copy region; what goes is unshared first, image before snapshots', async () => {
    const pipeline = await pipelineOf(
      stack,
      { distribute: { regions: [shanghai], accounts: [partner] } },
      { dataDisks: 1 },
    );
    const { family } = pipeline;
    const made: Release[] = [];
    for (let count = 1; count <= 4; count += 1) made.push(await release(stack, pipeline, { nominalAt: night(count) }));
    const [oldest, second] = made as [Release, Release];
    const user = {
      [region]: await launched(region, imageIn(oldest, region).imageId),
      [shanghai]: await launched(shanghai, imageIn(second, shanghai).imageId),
    };
    const stays = { [region]: oldest, [shanghai]: second };
    const goes = { [region]: second, [shanghai]: oldest };

    const { client, taskQueue } = stack;
    const { accountId } = await listFamily(client, { region, family }, { taskQueue });
    const retire = (where: string, dryRun: boolean) =>
      retireFamily(
        client,
        { accountId, family, taskQueue },
        { place: { region: where, heartbeat: 5 }, keep: 1, youngerThan: 0, keepRejected: 0, now: night(9), dryRun },
      );
    for (const where of [region, shanghai] as const) {
      const [inUse, free] = [imageIn(stays[where], where), imageIn(goes[where], where)];
      const dry = await retire(where, true);
      const told = dry.find(({ imageId }) => imageId === inUse.imageId)!;
      assert.equal(told.outcome, 'stays');
      assert.match(told.reason, new RegExp(`not one of the newest 1, but ${user[where]} uses it$`));
      assert.deepEqual(
        (await retire(where, false)).map(({ imageId, outcome }) => [imageId, outcome]),
        [[free.imageId, 'deleted']],
      );
      const { images, snapshots } = await stack.cloud.state(where);
      assert.ok(ids(images).includes(inUse.imageId));
      assert.ok(!ids(images).includes(free.imageId));
      // What it holds, and its data disks, are there or gone with it.
      const parts = ({ snapshotIds, snapshots: own }: typeof free) => [
        ...snapshotIds,
        ...own.map(({ snapshotId }) => snapshotId),
      ];
      assert.equal(parts(free).length, 2);
      const left = new Set(ids(snapshots));
      assert.deepEqual(
        [parts(inUse).every((id) => left.has(id)), parts(free).some((id) => left.has(id))],
        [true, false],
      );
      // Still shared is what stays; what went was unshared, then deleted, then its snapshots.
      const sharedWith = images.find(({ id }) => id === inUse.imageId)!.shares as { account: string }[];
      assert.deepEqual(
        sharedWith.map(({ account }) => account),
        [partner],
      );
      const calls = (await stack.cloud.calls({ region: where })).filter(({ applied }) => applied);
      const last = (action: string, id: string) =>
        calls.findLastIndex((call) => call.action === action && call.resources.includes(id));
      const order = [
        last('ModifyImageSharePermission', free.imageId),
        last('DeleteImages', free.imageId),
        last('DeleteSnapshots', free.snapshots[0]!.snapshotId),
      ];
      assert.ok(order[0]! >= 0 && order[0]! < order[1]! && order[1]! < order[2]!, `in this order: ${order.join(', ')}`);
      assert.equal(
        calls.filter(({ action, resources }) => action === 'DeleteImages' && resources.includes(inUse.imageId)).length,
        0,
        'nobody has even tried',
      );
    }

    // Once nothing uses it any more, the next retirement takes it, and not before.
    await cvmIn(shanghai).TerminateInstances({ InstanceIds: [user[shanghai]] });
    await until(async () => {
      const { instances } = await stack.cloud.state(shanghai);
      return instances.some(({ id }) => id === user[shanghai]) ? undefined : true;
    });
    assert.deepEqual(
      (await retire(shanghai, false)).map(({ imageId, outcome }) => [imageId, outcome]),
      [[imageIn(second, shanghai).imageId, 'deleted']],
    );
    assert.deepEqual(await retire(region, false), []);
    const now = await familyInCloud(stack.cloud, family);
    assert.ok(ids(now.images).includes(imageIn(oldest, region).imageId));
    assert.deepEqual(now.of('current'), [imageIn(made[3]!, region).imageId]);
  });
});
