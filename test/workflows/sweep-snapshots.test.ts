import assert from 'node:assert/strict';
import { test } from 'node:test';
import { buildIdOf, tagKeys } from '../../contract';
import { startBuildStack } from '../support/build-stack';
import { region } from '../support/images';
import { ids, resourcesOf, until } from '../support/judge';
import { leftOf, lookedAt, sweep } from '../support/sweep';

/** Who takes our tag away takes the snapshot out of our hands. It looks then like one that the cloud made for the image. */
test('a sweep leaves a snapshot that somebody has made theirs, though it deletes the image that it is part of', async () => {
  const stack = await startBuildStack();
  try {
    const instanceId = await stack.instance({ region, dataDisks: 0 });
    const { met, release } = await stack.cloud.stall('TagResources', ':image/');
    const image = { name: `safe-${instanceId}` };
    const build = await stack.start({ region, instanceId, image, method: 'snapshots' });
    await until(async () => ((await met()) ? true : undefined));
    await build.terminate('a test');
    const buildId = buildIdOf(instanceId, (await build.describe()).runId);
    const { snapshots, images } = await resourcesOf(stack.cloud, region, instanceId);
    const [snapshot] = ids(snapshots);
    await stack.cloud.send('POST', 'interfere', { act: 'retag', id: snapshot, tags: { [tagKeys.build]: null } });
    await lookedAt(stack, buildId);
    const report = await until(async () => {
      const left = leftOf(await sweep(stack, { apply: true }), buildId);
      return left.some(({ type, outcome }) => type === 'image' && outcome === 'deleted') ? left : undefined;
    });
    // Not before: nobody tells a terminated build's last activity, and for a few seconds it would mark the image as kept.
    await release();
    assert.ok(!report.some(({ id }) => id === snapshot));
    const after = await stack.cloud.state(region);
    assert.ok(!after.images.some(({ id }) => ids(images).includes(id)), 'the image is gone');
    assert.equal(after.snapshots.find(({ id }) => id === snapshot)?.state, 'NORMAL', 'the snapshot is not');
  } finally {
    await stack.stop();
  }
});
