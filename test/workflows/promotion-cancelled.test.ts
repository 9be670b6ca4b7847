import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { approveUpdate, familyWorkflowId, releaseQuery } from '../../contract';
import { type BuildStack, startBuildStack } from '../support/build-stack';
import { until } from '../support/judge';
import {
  ended,
  familyInCloud,
  pipelineOf,
  region,
  release,
  type ReleaseHandle,
  startRelease,
  untilRelease,
} from '../support/releases';

/** Runs that somebody cancels in the middle of their promotion: it is for the family to say what became of the image. */
describe('a promotion that is cancelled', { concurrency: 4 }, () => {
  let stack: BuildStack;
  before(async () => {
    stack = await startBuildStack();
    await stack.cloud.seed({ imageQuota: { [region]: 200 } });
  });
  after(() => stack.stop());

  /** A family with a current image, and a run whose candidate is about to be promoted. */
  const approved = async (action: string, contains: (imageId: string) => string) => {
    const pipeline = await pipelineOf(stack, {}, { dataDisks: 0 });
    const before = (await release(stack, pipeline)).images[0]!.imageId;
    const handle = await startRelease(stack, { ...pipeline, approve: {} });
    const { waiting } = await untilRelease(handle, (progress) => progress.waiting !== undefined);
    const { imageId } = waiting!;
    const { met, release: go } = await stack.cloud.stall(action, contains(imageId));
    await handle.executeUpdate(approveUpdate, { args: [{ by: 'Ada' }] });
    await until(async () => ((await met()) ? true : undefined));
    return { pipeline, before, imageId, handle, go };
  };

  const outcomeOf = async (handle: ReleaseHandle) => {
    await assert.rejects(ended(handle, 60));
    assert.equal((await handle.describe()).status.name, 'CANCELLED');
    const made = await handle.query(releaseQuery);
    assert.equal(made.outcome, 'cancelled');
    return made;
  };

  test('before the image is the current one: it is rejected, and what was current stays so', async () => {
    const { pipeline, before, imageId, handle, go } = await approved('ModifyImageAttribute', (id) => id);
    // Its tag says so already, but the cloud does not let the promotion go on; and it does not before the run has ended.
    assert.deepEqual(
      (await familyInCloud(stack.cloud, pipeline.family)).of('current').sort(),
      [before, imageId].sort(),
    );
    await handle.cancel();
    const made = await outcomeOf(handle);
    assert.deepEqual([made.images[0]!.state, made.reason], ['rejected', 'the run was cancelled']);
    const now = await familyInCloud(stack.cloud, pipeline.family);
    assert.deepEqual([now.of('current'), now.of('rejected'), now.answers], [[before], [imageId], [before]]);
    await go();
    // The family goes on, and the image that was given up is not to come back.
    const next = (await release(stack, pipeline)).images[0]!.imageId;
    const later = await familyInCloud(stack.cloud, pipeline.family);
    assert.deepEqual([later.of('current'), later.of('rejected'), later.answers], [[next], [imageId], [next]]);
  });

  test('before it is even marked: it is rejected once the cloud lets it be', async () => {
    const { pipeline, before, imageId, handle, go } = await approved('TagResources', (id) => `image/${id}`);
    await handle.cancel();
    const family = stack.client.workflow.getHandle(familyWorkflowId('100000000001', pipeline.family));
    // What is asked for next is there before the cloud goes on: nothing of the promotion comes after.
    await until(async () => {
      const { events = [] } = await family.fetchHistory();
      return events?.some(({ activityTaskScheduledEventAttributes: one }) => one?.activityType?.name === 'markImage')
        ? true
        : undefined;
    });
    await go();
    const made = await outcomeOf(handle);
    assert.equal(made.images[0]!.state, 'rejected');
    const now = await familyInCloud(stack.cloud, pipeline.family);
    assert.deepEqual([now.of('current'), now.of('rejected'), now.answers], [[before], [imageId], [before]]);
  });

  test('when the image is the current one: it stays so, and the run ends at once and says it', async () => {
    const pipeline = await pipelineOf(stack, {}, { dataDisks: 0 });
    const before = (await release(stack, pipeline)).images[0]!.imageId;
    const { met, release: go } = await stack.cloud.stall('ModifyImageAttribute', before);
    const handle = await startRelease(stack, pipeline);
    await untilRelease(handle, ({ phase }) => phase === 'promoting');
    await until(async () => ((await met()) ? true : undefined));
    await handle.cancel();
    const made = await outcomeOf(handle);
    const { imageId, state } = made.images[0]!;
    assert.equal(state, 'current');
    assert.match(made.reason!, new RegExp(`^the run was cancelled; ${imageId} is current`));
    await go();
    await until(async () => {
      const now = await familyInCloud(stack.cloud, pipeline.family);
      // The mark comes first.
      return now.of('released').length === 1 && now.answers.length === 1 ? true : undefined;
    });
    const now = await familyInCloud(stack.cloud, pipeline.family);
    assert.deepEqual([now.of('current'), now.of('released'), now.answers], [[imageId], [before], [imageId]]);
  });
});
