import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startBuildStack } from '../support/build-stack';
import { familyInCloud, pipelineOf, region, release } from '../support/releases';

const shanghai = 'ap-shanghai';

/** Whether SyncImages hands ImageFamily on is not documented. The other tests have a cloud that does; this one's does not. */
test('copies that come without their family answer for it when they are promoted', async () => {
  const stack = await startBuildStack({ simulator: { switches: { copiesKeepFamily: false } } });
  try {
    const pipeline = await pipelineOf(stack, { distribute: { regions: [shanghai] }, retire: { keep: 2 } });
    for (const number of [1, 2]) {
      const { outcome, images, distribution } = await release(stack, pipeline);
      assert.equal(outcome, 'released', JSON.stringify(distribution));
      for (const where of [region, shanghai]) {
        const { imageId } = images.find((image) => image.region === where)!;
        const now = await familyInCloud(stack.cloud, pipeline.family, where);
        assert.deepEqual([now.of('current'), now.answers], [[imageId], [imageId]], `release ${number} in ${where}`);
      }
    }
  } finally {
    await stack.stop();
  }
});
