import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import {
  describeImageWorkflowType,
  type ImageDetails,
  type ImageSummary,
  listImagesWorkflowType,
  tagKeys,
} from '../../contract';
import { type BuildStack, startBuildStack } from '../support/build-stack';
import { buildOne, region, startDeletion, startLaunch } from '../support/images';
import { assertClean, assertSource, failureOf, resourcesOf, until, untilProgress } from '../support/judge';

describe('images: list, describe, delete', { concurrency: 4 }, () => {
  let stack: BuildStack;
  before(async () => {
    stack = await startBuildStack();
    await stack.cloud.seed({ imageQuota: { [region]: 200 } });
  });
  after(() => stack.stop());

  const ask = <T>(type: string, input: Record<string, unknown>) =>
    stack.client.workflow.execute<() => Promise<T>>(type, {
      workflowId: `${type}-${Math.random()}`,
      taskQueue: stack.taskQueue,
      args: [{ region, ...input }] as never,
    });
  const details = (image: string) => ask<ImageDetails>(describeImageWorkflowType, { image });

  test('everything goes: image, implicit snapshots, snapshots of the data disks; proven', async () => {
    for (const method of ['instance', 'snapshots'] as const) {
      const built = await buildOne(stack, { method });
      const { instanceId } = built.source;
      const before = await resourcesOf(stack.cloud, region, instanceId);
      const seen = await details(built.image.imageId);
      assert.deepEqual(seen.madeBy, { installation: 'test', buildId: built.buildId, ours: true });
      assert.equal(seen.fate, 'kept');
      assert.equal(seen.sourceInstanceId, instanceId);
      assert.equal(seen.buildSnapshots.length, 2);
      assert.deepEqual(
        [...seen.snapshots, ...seen.buildSnapshots].map(({ snapshotId }) => snapshotId).sort(),
        before.ofSource.map(({ id }) => id).sort(),
      );

      const result = await (await startDeletion(stack, { imageId: built.image.imageId })).result();
      assert.ok(result.resources.every(({ fate }) => fate === 'deleted'));
      assert.deepEqual(
        result.resources.map(({ id }) => id).sort(),
        [built.image.imageId, ...before.ofSource.map(({ id }) => id)].sort(),
      );
      await assertClean(stack.cloud, region, instanceId);
      await assert.rejects(details(built.image.imageId), (error: { cause: { type: string } }) => {
        assert.equal(error.cause.type, 'ImageNotFound');
        return true;
      });
    }
  });

  test('refuses what is in use, shared, not ours, not known, or more than was agreed to', async () => {
    const used = await buildOne(stack, { launch: { zone: 'ap-guangzhou-3' } }, { dataDisks: 1 });
    const shared = await buildOne(stack, {}, { dataDisks: 0 });
    await stack.cloud.seed({
      accounts: [{ uin: '100000009999', keys: [] }],
      images: [
        { region, name: 'foreign', id: 'img-foreign1' },
        {
          region,
          name: 'other',
          id: 'img-other001',
          tags: { 'cvm-image-builder/build': 'prod/web00001-0123456789ab' },
        },
        {
          region,
          name: 'shared-one',
          id: 'img-shared09',
          sharedWith: ['100000009999'],
          tags: { 'cvm-image-builder/build': 'test/web00001-0123456789ab' },
        },
        {
          region,
          name: 'current-one',
          id: 'img-current9',
          tags: {
            [tagKeys.build]: 'test/web00001-0123456789ab',
            [tagKeys.family]: 'test/web',
            [tagKeys.release]: 'current/2026-11-25T02:00:00.000Z',
            [tagKeys.run]: 'release-000000000001/2026-11-25T02:00:00.000Z',
          },
        },
      ],
    });
    const cases: [string, string, RegExp, string[]?][] = [
      [used.image.imageId, 'ImageInUse', new RegExp(used.instance!.instanceId)],
      ['img-foreign1', 'NotOurs', /was not made by a build/],
      ['img-other001', 'NotOurs', /installation prod/],
      ['img-shared09', 'InvalidImageId.InShared', /100000009999/],
      ['img-current9', 'IsCurrent', /current image of the family web/],
      ['img-nowhere1', 'ImageNotFound', /img-nowhere1/],
      [shared.image.imageId, 'MoreThanAgreed', /would go/, []],
    ];
    for (const [imageId, code, message, snapshotIds] of cases) {
      const failure = await failureOf(await startDeletion(stack, { imageId, ...(snapshotIds ? { snapshotIds } : {}) }));
      assert.equal(failure.code, code);
      assert.match(failure.message, message);
      assert.ok(failure.advice);
    }
    const { images, snapshots } = await stack.cloud.state(region);
    for (const [imageId] of cases.filter(([, code]) => code !== 'ImageNotFound')) {
      const image = images.find(({ id }) => id === imageId);
      assert.ok(image, imageId);
      for (const bound of image.snapshots as { id: string }[]) assert.ok(snapshots.some(({ id }) => id === bound.id));
    }
  });

  test('refuses an image whose build is open, and takes it once the build is over', async () => {
    const instanceId = await stack.instance({ region, dataDisks: 0 });
    const name = `open-${instanceId}`;
    // Held at the launch, when the image is there already.
    await stack.cloud.fault({
      action: 'RunInstances',
      contains: `/${instanceId.slice(4)}-`,
      kind: 'error',
      code: 'ResourceInsufficient.SpecifiedInstanceType',
      message: 'sold out',
      when: 'before',
      times: 1000,
    });
    const build = await stack.start({ region, instanceId, image: { name }, launch: { zone: 'ap-guangzhou-3' } });
    const { imageId } = await untilProgress(build, ({ phase }) => phase === 'launching');
    const failure = await failureOf(await startDeletion(stack, { imageId: imageId! }));
    assert.equal(failure.code, 'BuildIsOpen');
    assert.match(failure.advice!, /cvm-image cancel/);
    await build.cancel();
    await failureOf(build);
    await (await startDeletion(stack, { imageId: imageId! })).result();
    await assertClean(stack.cloud, region, instanceId);
  });

  test('a snapshot that another image holds stays, and is listed', async () => {
    const built = await buildOne(stack, { method: 'snapshots' });
    const [data] = (await details(built.image.imageId)).buildSnapshots;
    const system = (await details(built.image.imageId)).snapshots[0]!;
    const other = await createImageOf(stack, [system.snapshotId, data!.snapshotId]);
    const result = await (await startDeletion(stack, { imageId: built.image.imageId })).result();
    const stayed = result.resources.filter(({ fate }) => fate === 'kept');
    assert.deepEqual(stayed.map(({ id }) => id).sort(), [data!.snapshotId, system.snapshotId].sort());
    assert.ok(stayed.every(({ note }) => note?.includes(other)));
    const left = await resourcesOf(stack.cloud, region, built.source.instanceId);
    assert.deepEqual(left.snapshots.map(({ id }) => id).sort(), [data!.snapshotId, system.snapshotId].sort());
    assertSource(left.source);
  });

  const forbidden = (contains: string) => ({
    action: 'DeleteSnapshots',
    contains,
    kind: 'error',
    code: 'UnauthorizedOperation',
    message: 'not today',
    when: 'before',
  });

  test('what may not be deleted is tried until it may', async () => {
    const built = await buildOne(stack);
    const id = await stack.cloud.fault({ ...forbidden(built.snapshots[0]!.snapshotId), times: 3 });
    await (await startDeletion(stack, { imageId: built.image.imageId })).result();
    const calls = await stack.cloud.calls({ action: 'DeleteSnapshots' });
    assert.equal(calls.filter(({ faults }) => faults.includes(id)).length, 3);
    await assertClean(stack.cloud, region, built.source.instanceId);
  });

  test('cancelled in the middle: the report says what is gone and what is left', async () => {
    const built = await buildOne(stack);
    const fault = forbidden(built.snapshots[0]!.snapshotId);
    const id = await stack.cloud.fault({ ...fault, times: 1000 });
    const handle = await startDeletion(stack, { imageId: built.image.imageId });
    await untilProgress(handle as never, ({ steps }) =>
      steps.some((one) => (one.step as string) === 'deleteSnapshots' && one.state === 'running'),
    );
    await until(async () =>
      (await stack.cloud.calls({ action: 'DeleteSnapshots' })).some(({ faults }) => faults.includes(id))
        ? true
        : undefined,
    );
    await handle.cancel();
    const failure = await failureOf(handle as never);
    assert.equal(failure.cancelled, true);
    const fates = new Map(failure.resources.map(({ id, fate }) => [id, fate]));
    assert.equal(fates.get(built.image.imageId), 'deleted');
    assert.equal(fates.get(built.snapshots[0]!.snapshotId), 'leftover');
  });

  test('lists them all, with whose they are and with whom they are shared', async () => {
    const family = `list-${Date.now()}`;
    const built = await buildOne(stack, { image: { name: family, family } }, { dataDisks: 0 });
    await (await startLaunch(stack, { image: built.image.imageId })).result();
    const { images } = await ask<{ images: ImageSummary[] }>(listImagesWorkflowType, { family });
    assert.deepEqual(
      images.map(({ imageId, name, state, fate, sharedWith }) => ({ imageId, name, state, fate, sharedWith })),
      [{ imageId: built.image.imageId, name: family, state: 'NORMAL', fate: 'kept', sharedWith: [] }],
    );
    const all = await ask<{ images: ImageSummary[] }>(listImagesWorkflowType, { shares: false });
    const times = all.images.map(({ createdAt }) => createdAt!);
    assert.deepEqual(times, [...times].sort().reverse(), 'the newest first');
    assert.ok(all.images.every(({ sharedWith }) => sharedWith === undefined));
    assert.equal((await details(`family:${family}`)).instances.length, 1);
  });
});

/** Another image of snapshots, as somebody may have made one at the console. */
async function createImageOf(stack: BuildStack, SnapshotIds: string[]): Promise<string> {
  const { Client } = await import('tencentcloud-sdk-nodejs/tencentcloud/services/cvm/v20170312/cvm_client.js');
  const cvm = new Client({
    credential: { secretId: 'AKIDsimulator', secretKey: 'simulator' },
    region,
    profile: { httpProfile: { protocol: 'http://', endpoint: new URL(stack.cloud.url).host } },
  });
  const { ImageId } = await cvm.CreateImage({ ImageName: `other-${SnapshotIds[0]!}`, SnapshotIds });
  await until(async () => {
    const { images } = await stack.cloud.state(region);
    return images.find(({ id }) => id === ImageId)?.state === 'NORMAL' ? true : undefined;
  });
  return ImageId!;
}
