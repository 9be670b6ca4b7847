import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { progressQuery, tagKeys } from '../../contract';
import { type BuildStack, startBuildStack } from '../support/build-stack';
import { assertSource, ids, resourcesOf } from '../support/judge';

const region = 'ap-guangzhou';
const launch = { zone: 'ap-guangzhou-3' };

describe('a build that ends well', { concurrency: true }, () => {
  let stack: BuildStack;
  before(async () => {
    stack = await startBuildStack();
    await stack.cloud.seed({ imageQuota: { [region]: 100 } });
  });
  after(() => stack.stop());

  test('images a running instance, launches from it, and the new disks hold what the old ones held', async () => {
    const instanceId = await stack.instance({ region, dataDisks: 2 });
    const before = await resourcesOf(stack.cloud, region, instanceId);
    for (const diskId of before.source!.dataDiskIds as string[]) {
      await stack.cloud.send('PUT', `disks/${diskId}/content`, { content: `bytes of ${diskId}` });
    }
    const handle = await stack.start({
      region,
      instanceId,
      image: { name: `full-${instanceId}`, family: 'web' },
      launch,
    });
    const result = await handle.result();

    const made = await resourcesOf(stack.cloud, region, instanceId);
    assertSource(made.source);
    assert.deepEqual(ids(made.images), [result.image.imageId]);
    assert.equal(made.images[0]!.state, 'NORMAL');
    assert.equal(made.images[0]!.family, 'web');
    assert.deepEqual(ids(made.snapshots), result.snapshots.map(({ snapshotId }) => snapshotId).sort());
    assert.equal(made.snapshots.length, 2);
    assert.deepEqual(ids(made.instances), [result.instance!.instanceId]);
    for (const one of [...made.images, ...made.snapshots, ...made.instances, ...made.disks]) {
      assert.equal(one.tags[tagKeys.state], 'kept', one.id);
    }

    const { disks } = await stack.cloud.state(region);
    for (const { diskId, snapshotId } of result.instance!.dataDisks) {
      const old = result.snapshots.find((snapshot) => snapshot.snapshotId === snapshotId)!;
      assert.equal(disks.find(({ id }) => id === diskId)!.content, `bytes of ${old.diskId}`);
    }
    assert.ok(result.source.downTimeSeconds! > 0);
    assert.deepEqual(
      result.resources.map(({ fate }) => fate).filter((fate) => fate !== 'kept'),
      [],
    );

    const description = await handle.describe();
    assert.ok(description.historyLength <= 80, `${description.historyLength} history events`);
    const progress = await handle.query(progressQuery);
    assert.equal(progress.phase, 'completed');
    assert.ok(progress.steps.every(({ state }) => state === 'done'));
  });

  test('leaves a stopped source stopped', async () => {
    const instanceId = await stack.instance({ region, dataDisks: 1, state: 'STOPPED' });
    const handle = await stack.start({ region, instanceId, image: { name: `stopped-${instanceId}` } });
    const result = await handle.result();
    assert.equal(result.source.wasRunning, false);
    assert.equal(result.source.downTimeSeconds, undefined);
    const made = await resourcesOf(stack.cloud, region, instanceId);
    assertSource(made.source, 'STOPPED');
    const changes = await callsOn(stack, instanceId, /^(Stop|Start)Instances$/);
    assert.deepEqual(changes, []);
  });

  test('method snapshots starts the source before the image is made', async () => {
    const instanceId = await stack.instance({ region, dataDisks: 2 });
    const handle = await stack.start({
      region,
      instanceId,
      image: { name: `snaps-${instanceId}` },
      method: 'snapshots',
      launch,
    });
    const result = await handle.result();
    const made = await resourcesOf(stack.cloud, region, instanceId);
    assertSource(made.source);
    assert.equal(made.snapshots.length, 3);
    assert.equal(result.snapshots.length, 2, 'the system snapshot is the image’s');
    assert.equal(result.instance!.dataDisks.length, 2);
    const order = (await callsOn(stack, instanceId, /^(StartInstances|CreateImage|TagResources)$/)).map(
      ({ action }) => action,
    );
    const start = order.indexOf('StartInstances');
    assert.ok(start >= 0 && !order.slice(0, start).includes('CreateImage'), order.join());
  });

  for (const method of ['instance', 'snapshots'] as const) {
    test(`data disks inside the image, method ${method}`, async () => {
      const instanceId = await stack.instance({ region, dataDisks: 2 });
      const handle = await stack.start({
        region,
        instanceId,
        image: { name: `in-${method}-${instanceId}` },
        method,
        dataDisks: 'include',
        launch,
      });
      const result = await handle.result();
      assert.deepEqual(result.snapshots, []);
      assert.equal(result.image.snapshotIds.length, 3);
      assert.equal(result.instance!.dataDisks.length, 2, 'the image brings its disks');
      assertSource((await resourcesOf(stack.cloud, region, instanceId)).source);
    });
  }

  test('only the system disk, or only the disks that are listed', async () => {
    const [one, other] = await Promise.all([
      stack.instance({ region, dataDisks: 2 }),
      stack.instance({ region, dataDisks: 3 }),
    ]);
    const { source } = await resourcesOf(stack.cloud, region, other);
    const [first] = source!.dataDiskIds as string[];
    const [none, listed] = await Promise.all([
      stack.start({ region, instanceId: one, image: { name: `none-${one}` }, dataDisks: 'none' }),
      stack.start({ region, instanceId: other, image: { name: `list-${other}` }, dataDisks: [first!] }),
    ]);
    assert.deepEqual((await none.result()).snapshots, []);
    assert.deepEqual(
      (await listed.result()).snapshots.map(({ diskId }) => diskId),
      [first],
    );
  });

  test('the image name is filled in, and ImageFamily is left unset when asked', async () => {
    const instanceId = await stack.instance({ region });
    const image = { name: '{family}-{instance}-{date}', family: 'web', setImageFamily: false };
    const result = await (await stack.start({ region, instanceId, image })).result();
    assert.match(result.image.name, new RegExp(`^web-${instanceId}-\\d{8}$`));
    const { images } = await resourcesOf(stack.cloud, region, instanceId);
    assert.equal(images[0]!.family, '');
  });
});

async function callsOn(stack: BuildStack, resource: string, action: RegExp) {
  return (await stack.cloud.calls({ region })).filter(
    (call) => action.test(call.action) && call.resources.includes(resource) && call.outcome === 'OK',
  );
}
