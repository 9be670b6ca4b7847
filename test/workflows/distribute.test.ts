import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { rollBack } from '../../client';
import { type PipelineInput, type Release, releaseQuery, retryStepUpdate, tagKeys } from '../../contract';
import { type BuildStack, startBuildStack, testDurations } from '../support/build-stack';
import { ids, until } from '../support/judge';
import { ended, familyInCloud, pipelineOf, region, release, startRelease, untilRelease } from '../support/releases';

const shanghai = 'ap-shanghai';
const beijing = 'ap-beijing';
const partner = '100000000002';

describe('distribute', { concurrency: 4 }, () => {
  let stack: BuildStack;
  before(async () => {
    // Long enough for a copy to be met on its way.
    stack = await startBuildStack({ simulator: { durations: { ...testDurations, copy: 1200 } } });
    await stack.cloud.seed({ imageQuota: { [region]: 200, [shanghai]: 200, [beijing]: 200 } });
  });
  after(() => stack.stop());

  const pipelineTo = (regions: string[], more: Partial<PipelineInput> = {}) =>
    pipelineOf(stack, { distribute: { regions }, ...more });
  const imageIn = ({ images }: Release, where: string) => images.find((image) => image.region === where);
  const copiesOf = async (made: Release, where: string) =>
    (await stack.cloud.state(where)).snapshots.filter(
      ({ tags, state }) => tags[tagKeys.build] === `test/${made.build!.buildId}` && state !== 'TORECYCLE',
    );
  /** Disks of the source: copies of their snapshots tell whose they are, whether they are marked or not. */
  const diskIdsOf = async ({ source }: PipelineInput) => {
    const { instances } = await stack.cloud.state(region);
    const { systemDiskId, dataDiskIds } = instances.find(
      ({ id }) => id === (source as { instanceId: string }).instanceId,
    )!;
    return [systemDiskId as string, ...(dataDiskIds as string[])];
  };
  /** What the names of the copies of its snapshots begin with. */
  const copyNameOf = ({ source }: PipelineInput) => `cib-${(source as { instanceId: string }).instanceId.slice(4)}`;
  const syncs = async (imageId: string) =>
    (await stack.cloud.calls({ action: 'SyncImages' })).filter(
      ({ resources, applied, outcome }) => applied && outcome !== 'error' && resources.includes(imageId),
    );
  /** Refuses to copy to a region what has this name; the trials as well. */
  const refuseIn = (where: string, family: string, times: number) =>
    stack.cloud.armed({
      action: 'SyncImages',
      contains: `"DestinationRegions":["${where}"],"ImageName":"${family}`,
      kind: 'error',
      code: 'ImageQuotaLimitExceeded',
      message: `${where} is full`,
      times,
    });

  test('the release is current and shared in every region, with the snapshots of its disks', async () => {
    const pipeline = await pipelineTo([shanghai, beijing], {
      distribute: { regions: [shanghai, beijing], accounts: [partner] },
      image: { tags: { team: 'web' } },
    });
    const { family } = pipeline;
    const made = await release(stack, pipeline);
    assert.equal(made.outcome, 'released', JSON.stringify(made.distribution));
    assert.deepEqual(
      made.images.map((image) => [image.region, image.state]),
      [
        [region, 'current'],
        [shanghai, 'current'],
        [beijing, 'current'],
      ],
    );
    for (const where of [region, shanghai, beijing]) {
      const image = imageIn(made, where)!;
      const now = await familyInCloud(stack.cloud, family, where);
      assert.deepEqual([now.of('current'), now.answers], [[image.imageId], [image.imageId]]);
      assert.equal(now.images[0]!.tags.team, 'web');
      assert.deepEqual((now.images[0]!.sharedWith as string[] | undefined) ?? [partner], [partner]);
      assert.equal(image.snapshots.length, 1);
      assert.deepEqual(
        (await copiesOf(made, where)).filter(({ id }) => id === image.snapshots[0]!.snapshotId).length,
        1,
      );
    }
    assert.ok(made.distribution?.every(({ state, sharedWith }) => state === 'done' && sharedWith[0] === partner));

    // The next one takes its place everywhere, though the one before is shared; with keep: 1 that one stays, being the last.
    const next = await release(stack, { ...pipeline, retire: { keep: 1 } });
    const third = await release(stack, { ...pipeline, retire: { keep: 1 } });
    for (const where of [region, shanghai, beijing]) {
      const now = await familyInCloud(stack.cloud, family, where);
      assert.deepEqual(now.of('current'), [imageIn(third, where)!.imageId]);
      assert.deepEqual(now.of('released'), [imageIn(next, where)!.imageId]);
      assert.deepEqual(await copiesOf(made, where), [], 'the snapshots of the retired release went with it');
    }
  });

  test('a region that refuses is held, and tried again alone', async () => {
    const pipeline = await pipelineTo([shanghai, beijing], { onFailure: 'hold' });
    const fired = await refuseIn(beijing, pipeline.family, 2);
    const handle = await startRelease(stack, pipeline);
    const { held } = await untilRelease(handle, (progress) => progress.held !== undefined);
    await fired();
    assert.deepEqual([held!.step, held!.code], ['distribute', 'DistributeFailed']);
    assert.match(held!.message, /ap-beijing: .*ap-beijing is full/);
    const meanwhile = await handle.query(releaseQuery);
    // The others have it: here and in Shanghai it is current.
    for (const where of [region, shanghai]) {
      const { imageId } = imageIn(meanwhile, where)!;
      assert.deepEqual((await familyInCloud(stack.cloud, pipeline.family, where)).answers, [imageId]);
    }
    await handle.executeUpdate(retryStepUpdate, { args: [{}] });
    const made = await ended(handle);
    assert.equal(made.outcome, 'released');
    assert.equal(imageIn(made, shanghai)!.imageId, imageIn(meanwhile, shanghai)!.imageId);
    assert.deepEqual((await familyInCloud(stack.cloud, pipeline.family, beijing)).answers, [
      imageIn(made, beijing)!.imageId,
    ]);
    const { images } = await stack.cloud.state(shanghai);
    assert.equal(images.filter(({ name }) => name === made.images[0]!.name).length, 1);
    assert.ok((await syncs(made.images[0]!.imageId)).length >= 2);
  });

  test('a copy that comes when a newer release of another pipeline is current there is not promoted', async () => {
    const older = await pipelineTo([shanghai, beijing], { onFailure: 'hold' });
    const fired = await refuseIn(beijing, older.family, 2);
    const handle = await startRelease(stack, older);
    await untilRelease(handle, (progress) => progress.held !== undefined);
    await fired();
    const newer = await release(stack, {
      ...(await pipelineTo([beijing])),
      family: older.family,
      name: `${older.family}-too`,
    });
    assert.equal(newer.outcome, 'released', JSON.stringify(newer.distribution));
    await handle.executeUpdate(retryStepUpdate, { args: [{}] });
    const made = await ended(handle);
    assert.equal(made.outcome, 'partial');
    assert.match(made.reason!, /of a newer release is current by now: img-\w+ comes too late/);
    for (const where of [region, beijing]) {
      const now = await familyInCloud(stack.cloud, older.family, where);
      assert.deepEqual([now.of('current'), now.answers], [[imageIn(newer, where)!.imageId], now.of('current')]);
    }
    // Where there is no newer one the older is current, and what came too late is gone.
    assert.deepEqual((await familyInCloud(stack.cloud, older.family, shanghai)).of('current'), [
      imageIn(made, shanghai)!.imageId,
    ]);
    assert.equal(imageIn(made, beijing), undefined);
    const { images } = await stack.cloud.state(beijing);
    assert.ok(!images.some(({ name }) => name === made.images[0]!.name));
  });

  test('a copy that the cloud cannot make: that region has failed, nothing is left there, and a retry takes it alone', async () => {
    const pipeline = await pipelineTo([shanghai, beijing], { onFailure: 'hold' });
    const fault = await stack.cloud.fault({
      action: 'SyncImages',
      contains: `"ImageName":"${pipeline.family}`,
      match: { DestinationRegions: [beijing] },
      kind: 'image-fails',
      // The first copy, and the one that is made in its place.
      times: 2,
    });
    const handle = await startRelease(stack, pipeline);
    const { held } = await untilRelease(handle, (progress) => progress.held !== undefined);
    const { fired } = (await stack.cloud.send('GET', `faults/${fault}`)) as { fired: number };
    assert.equal(fired, 2);
    assert.deepEqual([held!.step, held!.code], ['distribute', 'DistributeFailed']);
    assert.match(held!.message, /ap-beijing: .*could not copy the image: img-\w+ is CREATEFAILED/);
    const meanwhile = await handle.query(releaseQuery);
    const stateOf = (where: string) => meanwhile.distribution!.find((one) => one.region === where)!;
    assert.deepEqual(
      [stateOf(shanghai).state, stateOf(beijing).state, stateOf(beijing).problem?.code],
      ['done', 'failed', 'ImageCopyFailed'],
    );

    await handle.executeUpdate(retryStepUpdate, { args: [{}] });
    const made = await ended(handle);
    assert.equal(made.outcome, 'released', JSON.stringify(made.distribution));
    assert.equal(imageIn(made, shanghai)!.imageId, imageIn(meanwhile, shanghai)!.imageId);
    const now = await familyInCloud(stack.cloud, pipeline.family, beijing);
    assert.deepEqual([ids(now.images), now.answers], [[imageIn(made, beijing)!.imageId], now.of('current')]);
    // No image that failed, and no snapshot of one; each data disk was copied once.
    const { images, snapshots } = await stack.cloud.state(beijing);
    const named = images.filter(({ name }) => name === made.images[0]!.name);
    assert.deepEqual(ids(named), [imageIn(made, beijing)!.imageId]);
    const expected = [
      ...imageIn(made, beijing)!.snapshotIds,
      ...imageIn(made, beijing)!.snapshots.map(({ snapshotId }) => snapshotId),
    ];
    const disks = new Set(await diskIdsOf(pipeline));
    assert.deepEqual(ids(snapshots.filter(({ diskId }) => disks.has(diskId as string))), [...expected].sort());
  });

  test('a copy that fails for good is taken back, and the release is out without it', async () => {
    const pipeline = await pipelineTo([beijing]);
    await stack.cloud.fault({
      action: 'SyncImages',
      contains: `"ImageName":"${pipeline.family}`,
      kind: 'image-fails',
      times: 10,
    });
    const made = await release(stack, pipeline);
    assert.equal(made.outcome, 'partial');
    assert.match(made.reason!, /distribute: ap-beijing: .*CREATEFAILED/);
    assert.equal(imageIn(made, beijing), undefined);
    const { images, snapshots } = await stack.cloud.state(beijing);
    const disks = new Set(await diskIdsOf(pipeline));
    assert.deepEqual(
      [
        ids(images.filter(({ name }) => name === made.images[0]!.name)),
        ids(snapshots.filter(({ diskId }) => disks.has(diskId as string))),
      ],
      [[], []],
    );
    assert.deepEqual((await familyInCloud(stack.cloud, pipeline.family)).answers, [made.images[0]!.imageId]);
  });

  test('without somebody to mend it, the release is out where it could be: a result, no crash', async () => {
    const pipeline = await pipelineTo([shanghai, beijing], {
      distribute: { regions: [shanghai, beijing], accounts: ['999999999999'] },
    });
    const fired = await refuseIn(beijing, pipeline.family, 2);
    const made = await release(stack, pipeline);
    await fired();
    assert.equal(made.outcome, 'partial');
    const states = new Map(made.distribution!.map((one) => [one.region, one]));
    assert.equal(states.get(beijing)!.problem?.code, 'ImageQuotaLimitExceeded');
    assert.equal(imageIn(made, beijing), undefined);
    // Copied and current, but shared with nobody: the account does not exist.
    assert.equal(states.get(shanghai)!.notShared[0]?.code, 'InvalidAccountId.NotFound');
    assert.equal(imageIn(made, shanghai)!.state, 'current');
    assert.deepEqual((await familyInCloud(stack.cloud, pipeline.family, beijing)).images, []);
  });

  test('cancelled while it is copied: the copies are taken back, and the release stays current at home', async () => {
    const pipeline = await pipelineTo([shanghai, beijing]);
    const { met, release: go } = await stack.cloud.stall('CopySnapshotCrossRegions', copyNameOf(pipeline));
    const handle = await startRelease(stack, pipeline);
    await until(async () => ((await met()) ? true : undefined));
    const { distribution } = await handle.query(releaseQuery);
    assert.equal(distribution?.length, 2);
    await handle.cancel();
    await assert.rejects(ended(handle));
    await go();
    const made = await handle.query(releaseQuery);
    assert.equal(made.outcome, 'cancelled');
    for (const where of [shanghai, beijing]) {
      assert.deepEqual((await familyInCloud(stack.cloud, pipeline.family, where)).images, []);
      assert.deepEqual(await copiesOf(made, where), []);
    }
    assert.deepEqual((await familyInCloud(stack.cloud, pipeline.family)).answers, [made.images[0]!.imageId]);
    assert.ok(made.resources.some(({ type, fate }) => type === 'image' && fate === 'deleted'));
  });

  test('terminated while the snapshots of its disks are copied: the copies are marked, and go with the image one day', async () => {
    const pipeline = await pipelineTo([shanghai]);
    const name = copyNameOf(pipeline);
    const slow = { action: 'CopySnapshotCrossRegions', contains: name, kind: 'slow', factor: 1_000_000 };
    const fired = await stack.cloud.armed(slow);
    const handle = await startRelease(stack, pipeline);
    const copies = async () =>
      (await stack.cloud.state(shanghai)).snapshots
        .filter((one) => (one.name as string).startsWith(name) && (one.name as string).includes('-snap-'))
        .map(({ state, tags }) => [state, tags[tagKeys.build], tags[tagKeys.state]]);
    await until(async () => ((await copies()).some(([, owner]) => owner !== undefined) ? true : undefined));
    await fired();
    const { build } = await handle.query(releaseQuery);
    await handle.terminate('a test');
    assert.deepEqual(await copies(), [['COPYING_FROM_REMOTE', `test/${build!.buildId}`, 'kept']]);
  });

  /** Holds up what makes the copy in Shanghai answer for the family. */
  const promotionHeldUp = async (family: string) => {
    const refusal = { kind: 'error', code: 'RequestLimitExceeded', message: 'stalled', times: 1_000_000 };
    const contains = `"ImageFamily":"${family}"`;
    const id = await stack.cloud.fault({ action: 'ModifyImageAttribute', region: shanghai, contains, ...refusal });
    const fired = async () => ((await stack.cloud.send('GET', `faults/${id}`)) as { fired: number }).fired > 0;
    return { met: () => until(async () => ((await fired()) ? true : undefined)) };
  };

  test('cancelled while the copy is promoted: the family gives that up, and then the copy is taken back', async () => {
    const pipeline = await pipelineTo([shanghai]);
    const first = await release(stack, pipeline);
    const { met } = await promotionHeldUp(pipeline.family);
    const handle = await startRelease(stack, pipeline);
    await met();
    const copy = imageIn(await handle.query(releaseQuery), shanghai)!;
    assert.ok((await familyInCloud(stack.cloud, pipeline.family, shanghai)).of('current').includes(copy.imageId));
    await handle.cancel();
    await assert.rejects(ended(handle));
    const made = await handle.query(releaseQuery);
    assert.equal(imageIn(made, shanghai), undefined);
    const now = await familyInCloud(stack.cloud, pipeline.family, shanghai);
    const before = imageIn(first, shanghai)!.imageId;
    assert.deepEqual([now.images.map(({ id }) => id), now.of('current'), now.answers], [[before], [before], [before]]);
    assert.deepEqual(await copiesOf(made, shanghai), []);
  });

  test('cancelled when the copy is the current one: it stays, and the manifest says so', async () => {
    const pipeline = await pipelineTo([shanghai]);
    const before = imageIn(await release(stack, pipeline), shanghai)!.imageId;
    const { met, release: go } = await stack.cloud.stall('ModifyImageAttribute', before);
    const handle = await startRelease(stack, pipeline);
    await until(async () => ((await met()) ? true : undefined));
    await handle.cancel();
    await assert.rejects(ended(handle));
    const copy = imageIn(await handle.query(releaseQuery), shanghai)!;
    assert.equal(copy.state, 'current');
    await go();
    await until(async () => {
      const { answers } = await familyInCloud(stack.cloud, pipeline.family, shanghai);
      return answers.length === 1 ? true : undefined;
    });
    const now = await familyInCloud(stack.cloud, pipeline.family, shanghai);
    assert.deepEqual([now.of('current'), now.of('released'), now.answers], [[copy.imageId], [before], [copy.imageId]]);
  });

  test('rolled back at home while it is copied: it becomes current nowhere else, and nobody is asked for a retry', async () => {
    const pipeline = await pipelineTo([shanghai], { onFailure: 'hold' });
    const { family } = pipeline;
    const first = await release(stack, pipeline);
    const { met, release: go } = await stack.cloud.stall('CopySnapshotCrossRegions', copyNameOf(pipeline));
    const handle = await startRelease(stack, pipeline);
    await until(async () => ((await met()) ? true : undefined));
    const about = { accountId: first.accountId!, family, taskQueue: stack.taskQueue };
    await rollBack(stack.client, about, { place: { region, heartbeat: 20 }, by: 'Ada', reason: 'it crashes' });
    await go();
    const made = await ended(handle);
    assert.equal(made.outcome, 'partial');
    assert.match(made.reason!, /distribute: img-\w+ was withdrawn by a rollback in ap-guangzhou/);
    assert.equal(imageIn(made, region)!.state, 'withdrawn');
    assert.equal(imageIn(made, shanghai), undefined);
    for (const where of [region, shanghai]) {
      const { imageId } = imageIn(first, where)!;
      assert.deepEqual((await familyInCloud(stack.cloud, family, where)).of('current'), [imageId]);
    }
    assert.deepEqual(ids((await familyInCloud(stack.cloud, family, shanghai)).images), [
      imageIn(first, shanghai)!.imageId,
    ]);
    assert.deepEqual(await copiesOf(made, shanghai), []);
  });

  test('rolled back at home when a faster region has it already: the reason says where, and how to take it back', async () => {
    const slow = 'ap-chongqing';
    const pipeline = await pipelineTo([shanghai, slow], { onFailure: 'hold' });
    const { family } = pipeline;
    const first = await release(stack, pipeline);
    const { met, release: go } = await stack.cloud.stall('CopySnapshotCrossRegions', slow);
    const handle = await startRelease(stack, pipeline);
    await until(async () => ((await met()) ? true : undefined));
    const faster = await until(async () => {
      const copy = imageIn(await handle.query(releaseQuery), shanghai);
      return copy?.state === 'current' ? copy : undefined;
    });
    const about = { accountId: first.accountId!, family, taskQueue: stack.taskQueue };
    await rollBack(stack.client, about, { place: { region, heartbeat: 20 }, by: 'Ada' });
    await go();
    const made = await ended(handle);
    assert.equal(made.outcome, 'partial');
    const told = `${faster.imageId} is current in ${shanghai} by now (cvm-image family rollback ${family} --region ${shanghai})`;
    assert.ok(made.reason!.endsWith(told), made.reason);
    assert.equal(imageIn(made, slow), undefined);
    assert.deepEqual((await familyInCloud(stack.cloud, family, shanghai)).of('current'), [faster.imageId]);
    assert.deepEqual((await familyInCloud(stack.cloud, family, slow)).of('current'), [imageIn(first, slow)!.imageId]);
  });

  test('a region that cannot be retired does not cost what became of the others', async () => {
    const chengdu = 'ap-chengdu';
    const pipeline = await pipelineTo([shanghai, chengdu], { retire: { keep: 1 } });
    const first = await release(stack, pipeline);
    await release(stack, pipeline);
    // Whether instances use the images is asked in each region, and only for this.
    const code = 'InvalidParameterValue';
    const refusal = { kind: 'error', code, message: 'not today', when: 'before' };
    const fired = await stack.cloud.armed({ action: 'DescribeInstances', region: chengdu, ...refusal });
    const handle = await startRelease(stack, pipeline);
    await assert.rejects(ended(handle), (error: Error) => {
      assert.match(String(error.cause), /retire: ap-chengdu: .*not today/);
      return true;
    });
    await fired();
    const made = await handle.query(releaseQuery);
    assert.deepEqual(
      made.retired.map(({ imageId, outcome }) => [imageId, outcome]),
      [region, shanghai].map((where) => [imageIn(first, where)!.imageId, 'deleted']),
    );
  });

  test('a copy that is not promoted yet does not answer for the family, though it inherited that', async () => {
    const pipeline = await pipelineTo([shanghai]);
    const { met, release: go } = await stack.cloud.stall('CopySnapshotCrossRegions', copyNameOf(pipeline));
    const handle = await startRelease(stack, pipeline);
    await until(async () => ((await met()) ? true : undefined));
    const copy = await until(async () => imageIn(await handle.query(releaseQuery), shanghai));
    await until(async () => {
      const { images, answers } = await familyInCloud(stack.cloud, pipeline.family, shanghai);
      return images[0]?.state === 'NORMAL' && answers.length === 0 ? true : undefined;
    });
    const calls = await stack.cloud.calls({ action: 'ModifyImageAttribute', region: shanghai });
    assert.ok(
      calls.some(({ resources, applied }) => applied && resources.includes(copy.imageId)),
      'it had inherited it',
    );
    await go();
    const made = await ended(handle);
    assert.equal(made.outcome, 'released');
    assert.deepEqual((await familyInCloud(stack.cloud, pipeline.family, shanghai)).answers, [copy.imageId]);
  });

  test('a copy that somebody deletes meanwhile is made anew', async () => {
    const pipeline = await pipelineTo([shanghai]);
    const { met, release: go } = await stack.cloud.stall('CopySnapshotCrossRegions', copyNameOf(pipeline));
    const handle = await startRelease(stack, pipeline);
    await until(async () => ((await met()) ? true : undefined));
    const copy = await until(async () => imageIn(await handle.query(releaseQuery), shanghai));
    // While it is SYNCING: what waits for it notices.
    await stack.cloud.send('POST', 'interfere', { act: 'delete-image', id: copy.imageId });
    await go();
    const made = await ended(handle);
    assert.equal(made.outcome, 'released', JSON.stringify(made.distribution));
    const again = imageIn(made, shanghai)!.imageId;
    assert.notEqual(again, copy.imageId);
    assert.deepEqual((await familyInCloud(stack.cloud, pipeline.family, shanghai)).answers, [again]);
  });
});
