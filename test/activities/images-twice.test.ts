import { Client, Connection } from '@temporalio/client';
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { type BuildRef, checkLaunchSpec, type LaunchSpecInput, tagKeys } from '../../contract';
import { type ActivityBench, region, startActivityBench } from '../support/activity';
import { leftOf, seedImage } from '../support/images';
import { until } from '../support/judge';
import { startTestTemporal, type TestTemporal } from '../support/temporal';

/** The activities around images, through the proofs that every step goes through: twice, lost answers, undo twice. */
describe('activities around images', { concurrency: 6 }, () => {
  let temporal: TestTemporal;
  let connection: Connection;
  let bench: ActivityBench;
  before(async () => {
    temporal = await startTestTemporal();
    connection = await Connection.connect({ address: temporal.address });
    bench = await startActivityBench({}, new Client({ connection, namespace: temporal.namespace }));
  });
  after(async () => {
    await bench.stop();
    await connection.close();
    await temporal.stop();
  });

  let count = 0;
  const refFor = (kind: 'launch' | 'delete', imageId: string): BuildRef => {
    const tail = String((count += 1)).padStart(12, '0');
    return { buildId: `${kind}-${tail}`, region, instanceId: imageId, reset: false };
  };
  /** Arms a fault; answers a check that it fired. */
  const fault = (action: string, contains: string, kind: Record<string, unknown>) =>
    bench.cloud.armed({ action, contains, ...kind });
  const launchOf = async (imageId: string, more: Partial<LaunchSpecInput> = {}) => {
    const build = refFor('launch', imageId);
    const check = checkLaunchSpec({
      region,
      image: imageId,
      build: 'own',
      launch: { zone: 'ap-guangzhou-3' },
      ...more,
    });
    assert.ok(check.ok);
    const { spec } = check;
    const plan = await bench.run('inspectLaunch', { build, spec });
    return {
      build,
      spec,
      input: { ...plan, build, generation: 1, runId: build.buildId, imageId, settings: spec.launch },
    };
  };
  const launched = async ({ buildId }: BuildRef) => {
    const { instances, disks } = await bench.cloud.state(region);
    const ours = (one: { tags: Record<string, string> }) => one.tags[tagKeys.build] === `test/${buildId}`;
    return { instances: instances.filter(ours), disks: disks.filter(ours) };
  };

  test('what only looks changes nothing, and says the same twice', async () => {
    const image = await seedImage(bench.cloud);
    const build = refFor('delete', image.imageId);
    const before = (await bench.cloud.calls({ region })).length;
    for (const name of [image.imageId, `image-${image.imageId.slice(4)}`, `family:family-${image.imageId.slice(4)}`]) {
      const details = await bench.run('describeImage', { build, image: name });
      assert.equal(details.imageId, image.imageId);
      assert.equal(details.sourceInstanceId, `ins-${image.imageId.slice(4)}`);
      assert.deepEqual(
        details.snapshots.map(({ snapshotId }) => snapshotId),
        [image.boundId],
      );
      assert.deepEqual(
        details.buildSnapshots.map(({ snapshotId }) => snapshotId),
        [image.dataId],
      );
    }
    const family = `family-${image.imageId.slice(4)}`;
    const listed = await bench.run('listImages', { build, family, shares: true });
    assert.deepEqual(listed, await bench.run('listImages', { build, family, shares: true }, 2));
    assert.deepEqual(
      listed.images.map(({ imageId }) => imageId),
      [image.imageId],
    );
    const plan = await bench.run('inspectDeletion', { build, imageId: image.imageId });
    assert.deepEqual(plan, await bench.run('inspectDeletion', { build, imageId: image.imageId }, 2));
    const [first, second] = [await launchOf(image.imageId), await launchOf(image.imageId)];
    assert.deepEqual({ ...first.input, build: 0, runId: 0 }, { ...second.input, build: 0, runId: 0 });

    const ours = (await bench.cloud.calls({ region })).slice(before);
    const mine = ours.filter(({ resources }) => resources.some((id) => [image.imageId, image.dataId].includes(id)));
    const changing = mine.filter(({ action }) => !/^(Describe|Get|RunInstances$)/.test(action));
    assert.deepEqual(changing, []);
    assert.deepEqual((await launched(first.build)).instances, [], 'the trial launched nothing');
  });

  test('launchInstance as part of a launch: twice, lost answer, undo twice', async () => {
    const image = await seedImage(bench.cloud);
    const { build, input } = await launchOf(image.imageId);
    const undo = { build, generation: 1, known: [], unknownOutcome: true };
    assert.deepEqual(await bench.run('undoLaunchInstance', undo), { resources: [] });
    const lost = await fault('RunInstances', build.buildId, { kind: 'answer-lost' });
    const first = await bench.run('launchInstance', input);
    await lost();
    assert.deepEqual(await bench.run('launchInstance', input, 2), first);
    const made = await launched(build);
    assert.equal(made.instances.length, 1);
    assert.equal(first.dataDisks[0]?.snapshotId, image.dataId);
    const terminating = await fault('TerminateInstances', first.instanceId, { kind: 'answer-lost' });
    const { resources } = await bench.run('undoLaunchInstance', undo);
    await terminating();
    assert.ok(resources.some(({ id, fate }) => id === first.instanceId && fate === 'deleted'));
    const left = await launched(build);
    assert.deepEqual([left.instances, left.disks], [[], []]);
    assert.deepEqual(await bench.run('undoLaunchInstance', undo, 2), { resources: [] });
  });

  for (const kind of ['answer-lost', 'request-lost'] as const) {
    test(`deleteImage and deleteSnapshots: ${kind}, and again when all is gone`, async () => {
      const image = await seedImage(bench.cloud);
      const build = refFor('delete', image.imageId);
      const plan = await bench.run('inspectDeletion', { build, imageId: image.imageId });
      assert.deepEqual([...plan.snapshotIds].sort(), [image.boundId, image.dataId].sort());

      const deleting = await fault('DeleteImages', image.imageId, { kind });
      await bench.run('deleteImage', { build, plan });
      await deleting();
      assert.deepEqual(await leftOf(bench.cloud, image), [image.dataId]);
      await bench.run('deleteImage', { build, plan }, 2);

      const { snapshotIds } = plan;
      const snapshots = await fault('DeleteSnapshots', image.dataId, { kind });
      const { resources } = await bench.run('deleteSnapshots', { build, snapshotIds });
      await snapshots();
      assert.ok(resources.every(({ fate }) => fate === 'deleted'));
      assert.deepEqual(await leftOf(bench.cloud, image), []);
      assert.deepEqual(await bench.run('deleteSnapshots', { build, snapshotIds }, 2), { resources });
    });
  }

  test('an image that has lost its tag, or was shared, since it was looked at is not deleted', async () => {
    const image = await seedImage(bench.cloud);
    const build = refFor('delete', image.imageId);
    const plan = await bench.run('inspectDeletion', { build, imageId: image.imageId });
    await bench.cloud.send('POST', 'interfere', { act: 'retag', id: image.imageId, tags: { [tagKeys.build]: null } });
    await assert.rejects(bench.run('deleteImage', { build, plan }), { type: 'NotOurs' });
    const owner = { [tagKeys.build]: plan.owner };
    await bench.cloud.send('POST', 'interfere', { act: 'retag', id: image.imageId, tags: owner });
    const shared = { kind: 'error', code: 'InvalidImageId.InShared', message: 'shared', when: 'before' };
    const fired = await fault('DeleteImages', image.imageId, shared);
    await assert.rejects(bench.run('deleteImage', { build, plan }), { type: 'InvalidImageId.InShared' });
    await fired();
    assert.equal((await leftOf(bench.cloud, image)).length, 3);
  });

  test('an image that has become current since it was looked at is not deleted', async () => {
    const { imageId } = await seedImage(bench.cloud);
    const build = refFor('delete', imageId);
    const plan = await bench.run('inspectDeletion', { build, imageId });
    const now = '2026-11-25T02:00:00.000Z';
    const tags = {
      [tagKeys.family]: 'test/web',
      [tagKeys.release]: `current/${now}`,
      [tagKeys.run]: `release-000000000001/${now}`,
    };
    await bench.cloud.send('POST', 'interfere', { act: 'retag', id: imageId, tags });
    await assert.rejects(bench.run('deleteImage', { build, plan }), { type: 'IsCurrent' });
    assert.ok((await bench.cloud.state(region)).images.some(({ id }) => id === imageId));
  });

  test('a spot instance that is taken away before it runs says nothing about its image', async () => {
    const { imageId } = await seedImage(bench.cloud);
    const spot = { zone: 'ap-guangzhou-3', chargeType: 'SPOTPAID' } as const;
    const { build, input } = await launchOf(imageId, { launch: spot });
    const held = { action: 'RunInstances', contains: `-${imageId.slice(4)}-1"`, kind: 'pause', when: 'after' };
    const id = await bench.cloud.fault(held);
    const launching = bench.run('launchInstance', input);
    launching.catch(() => undefined);
    await until(async () => {
      const { waiting } = (await bench.cloud.send('GET', `faults/${id}`)) as { waiting: number };
      return waiting > 0 ? true : undefined;
    });
    const [instance] = (await launched(build)).instances;
    await bench.cloud.send('POST', 'interfere', { act: 'terminate-instance', id: instance!.id });
    await bench.cloud.send('POST', `faults/${id}/release`);
    await assert.rejects(launching, { type: 'SpotReclaimed' });
  });

  test('a spot instance that does not come up was not taken away', async () => {
    const { imageId } = await seedImage(bench.cloud);
    const spot = { zone: 'ap-guangzhou-3', chargeType: 'SPOTPAID' } as const;
    const { input } = await launchOf(imageId, { launch: spot });
    const fired = await fault('RunInstances', `-${imageId.slice(4)}-1"`, { kind: 'launch-fails' });
    await assert.rejects(bench.run('launchInstance', input), { type: 'LaunchFailed' });
    await fired();
  });

  test('the limits of the worker hold for images too', async () => {
    const other = await startActivityBench({ allow: { regions: ['ap-shanghai'], roles: [] } });
    try {
      const build = refFor('delete', 'img-1a2b3c4d');
      await assert.rejects(other.run('listImages', { build, shares: false }), { type: 'NotAllowed' });
      await assert.rejects(other.run('describeImage', { build, image: 'x' }), { type: 'NotAllowed' });
      await assert.rejects(other.run('inspectDeletion', { build, imageId: 'img-1a2b3c4d' }), { type: 'NotAllowed' });
      assert.deepEqual(await other.cloud.calls(), [], 'nothing was asked of the cloud');
    } finally {
      await other.stop();
    }
  });
});
