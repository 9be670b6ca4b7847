import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { type BuildResult, pauseUpdate, resumeUpdate, tagKeys } from '../../contract';
import { resetBuild } from '../durability/harness/people';
import { type BuildStack, startBuildStack } from '../support/build-stack';
import { assertSource, resourcesOf, until, untilProgress } from '../support/judge';
import { leftDown } from '../support/left-down';
import { fill, someoneDeletes } from '../support/quota';

/** A source that is down, and owed a start, is started before anybody has to be waited for. */
describe('a build that finds its source left down', { concurrency: true }, () => {
  let stack: BuildStack;
  before(async () => {
    stack = await startBuildStack();
  });
  after(() => stack.stop());

  type Handle = Awaited<ReturnType<BuildStack['start']>>;
  const sourceOf = async (region: string, instanceId: string) =>
    (await resourcesOf(stack.cloud, region, instanceId)).source!;

  const untilUp = (region: string, instanceId: string) =>
    until(async () => {
      const { state, tags } = await sourceOf(region, instanceId);
      return state === 'RUNNING' && tags[tagKeys.restore] === undefined ? true : undefined;
    });

  /** The build comes to its end with one image, and its source is as it was. */
  async function completes(handle: Handle, region: string, instanceId: string): Promise<BuildResult> {
    const result = await handle.result();
    const { source, images } = await resourcesOf(stack.cloud, region, instanceId);
    assertSource(source);
    assert.deepEqual(
      images.map(({ id }) => id),
      [result.image.imageId],
    );
    return result;
  }

  test('starts it before it waits for room', async () => {
    const region = 'ap-seoul';
    await stack.cloud.seed({ imageQuota: { [region]: 2 } });
    const [others] = await fill(stack.cloud, region, ['others-1']);
    const instanceId = await leftDown(stack, region);
    await fill(stack.cloud, region, ['others-2']);
    const image = { name: `second-${instanceId}` };
    const handle = await stack.start({ region, instanceId, image, room: { whenFull: 'wait' } });
    await untilProgress(handle, ({ queued }) => queued !== undefined);
    await untilUp(region, instanceId);
    const { queued } = await untilProgress(handle, () => true);
    assert.ok(queued, 'it still waits');
    await someoneDeletes(stack.cloud, others!);
    const { source } = await completes(handle, region, instanceId);
    assert.ok(source.wasRunning);
  });

  test('starts it before it stands paused', async () => {
    const region = 'ap-tokyo';
    const instanceId = await leftDown(stack, region);
    const { met, release } = await stack.cloud.stall('DescribeDisks', instanceId);
    const handle = await stack.start({ region, instanceId, image: { name: `second-${instanceId}` } });
    await until(async () => ((await met()) ? true : undefined));
    await handle.executeUpdate(pauseUpdate, { args: [{ reason: 'a deployment' }] });
    await release();
    await untilProgress(handle, ({ phase }) => phase === 'paused');
    await untilUp(region, instanceId);
    await handle.executeUpdate(resumeUpdate);
    await completes(handle, region, instanceId);
  });

  test('also when it is its own, from before a reset that a pause has survived', async () => {
    const region = 'ap-mumbai';
    const instanceId = await stack.instance({ region, dataDisks: 0 });
    const name = `reset-${instanceId}`;
    const { met, release } = await stack.cloud.stall('CreateImage', name);
    const handle = await stack.start({ region, instanceId, image: { name }, launch: { zone: `${region}-1` } });
    await until(async () => ((await met()) ? true : undefined));
    const { before } = await handle.executeUpdate(pauseUpdate, { args: [{ reason: 'a deployment' }] });
    assert.equal(before, 'launchInstance');
    await resetBuild(stack.client, handle.workflowId, (names) => names.indexOf('inspectSource'));
    await release();
    const again = stack.client.workflow.getHandle<() => Promise<BuildResult>>(handle.workflowId);
    const { paused } = await untilProgress(again, ({ phase }) => phase === 'paused');
    assert.equal(paused?.before, 'shutdownInstance');
    await untilUp(region, instanceId);
    await again.executeUpdate(resumeUpdate);
    const { instance } = await completes(again, region, instanceId);
    assert.ok(instance);
  });
});
