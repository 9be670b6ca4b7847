import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { type BuildStack, startBuildStack } from '../support/build-stack';
import { ids } from '../support/judge';
import { assertNeverRefused, countImages, fill, someoneDeletes, untilWaiting, watchQueue } from '../support/quota';
import { ended, familyInCloud, imageOf, pipelineIn, release, startRelease } from '../support/releases';

/** A crowd of pipelines in a region with room for ten images. */
describe('forty pipelines at once', () => {
  let stack: BuildStack;
  before(async () => {
    stack = await startBuildStack();
  });
  after(() => stack.stop());

  const quota = (most: number, where: string) => stack.cloud.seed({ imageQuota: { [where]: most } });

  test('wait: never more than ten images, in the order in which they came', async () => {
    const region = 'ap-chongqing';
    await quota(10, region);
    const counting = countImages(stack.cloud, region);
    const pipelines = await Promise.all(
      Array.from({ length: 40 }, () => pipelineIn(stack, region, { room: { whenFull: 'wait' } })),
    );
    const handles = await Promise.all(pipelines.map((pipeline) => startRelease(stack, pipeline)));
    // Ten build, and what they make fills the region.
    await untilWaiting(stack, region, 30);
    const watching = watchQueue(stack, region);
    // As soon as one is released, somebody takes its image away: there is room for the next.
    await Promise.all(
      handles.map(async (handle) => {
        const made = await ended(handle, 400);
        assert.equal(made.outcome, 'released');
        await someoneDeletes(stack.cloud, made.images[0]!.imageId);
      }),
    );
    assert.equal(await watching.stop(), 30);
    const most = await counting.stop();
    assert.ok(most <= 10, `never more than the quota, and there were ${most}`);
    await assertNeverRefused(stack.cloud, region);
    assert.equal((await stack.cloud.state(region)).images.length, 0);
  });

  test('of one family, retire-oldest: never more than ten images, in order, and nobody else gives one up', async () => {
    const region = 'ap-nanjing';
    await quota(10, region);
    const others = await fill(stack.cloud, region, ['others-1', 'others-2']);
    const quiet = await pipelineIn(stack, region, { family: 'quiet' });
    for (let night = 0; night < 3; night += 1) others.push(imageOf(await release(stack, quiet)));
    const counting = countImages(stack.cloud, region);
    const pipelines = await Promise.all(
      Array.from({ length: 40 }, (_, count) =>
        pipelineIn(stack, region, {
          name: `pipeline-${count}`,
          family: 'web',
          room: { whenFull: 'retire-oldest' },
          retire: { keepRejected: 0 },
        }),
      ),
    );
    const watching = watchQueue(stack, region);
    const made = await Promise.all(pipelines.map(async (pipeline) => ended(await startRelease(stack, pipeline), 400)));
    assert.deepEqual(
      made.filter(({ outcome }) => outcome !== 'released'),
      [],
    );
    assert.ok((await watching.stop()) >= 20, 'most of them waited, and left the queue from its head');
    const names = made.map(({ images }) => images[0]!.name);
    assert.equal(new Set(names).size, 40, `each has a name of its own: ${names.join(', ')}`);
    const most = await counting.stop();
    assert.ok(most <= 10, `never more than the quota, and there were ${most}`);
    await assertNeverRefused(stack.cloud, region);
    const now = await familyInCloud(stack.cloud, 'web', region);
    assert.deepEqual([now.of('current').length, now.answers], [1, now.of('current')]);
    assert.ok(now.of('released').length >= 1, 'the one before is kept');
    const left = new Set(ids((await stack.cloud.state(region)).images));
    assert.deepEqual(
      others.filter((id) => !left.has(id)),
      [],
    );
  });
});
