import type { WorkflowHandle } from '@temporalio/client';
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { type BuildSpecInput, buildIdOf, launchIdOf, tagKeys } from '../../contract';
import { type BuildStack, startBuildStack } from '../support/build-stack';
import { buildOne, region, resourcesOfLaunch, startLaunch } from '../support/images';
import { assertClean, assertSource, resourcesOf, until, untilProgress } from '../support/judge';
import { leftOf, lookedAt, sweep } from '../support/sweep';

const launch = { zone: 'ap-guangzhou-3' };

// One after the other: a sweep takes what other tests leave, too.
describe('a sweep after a build was terminated', { concurrency: 1 }, () => {
  let stack: BuildStack;
  before(async () => {
    stack = await startBuildStack();
    await stack.cloud.seed({ imageQuota: { [region]: 200 } });
  });
  after(() => stack.stop());

  /** Starts a build that is held in a call, waits until it is there, and ends it so that no code of it runs. */
  async function terminatedIn(action: string, spec: Partial<BuildSpecInput> = {}) {
    const instanceId = await stack.instance({ region, dataDisks: 1 });
    const { met, release } = await stack.cloud.stall(action, instanceId.slice(4));
    const build = await stack.start({ region, instanceId, image: { name: `swept-${instanceId}` }, ...spec });
    await until(async () => ((await met()) ? true : undefined));
    await build.terminate('a test');
    return { instanceId, buildId: await idOf(build, instanceId), release };
  }

  async function idOf(build: WorkflowHandle, instanceId: string): Promise<string> {
    const { raw, runId } = await build.describe();
    return buildIdOf(instanceId, raw.workflowExecutionInfo?.firstRunId ?? runId);
  }

  /** Sweeps until nothing of the build is left: what a zombie of it does late is met by the next sweep. */
  const sweptClean = (buildId: string) =>
    until(async () => {
      const report = await sweep(stack, { apply: true });
      const left = leftOf(report, buildId).filter(({ outcome }) => outcome === 'left');
      assert.deepEqual(left, []);
      return leftOf(await sweep(stack), buildId).length === 0 ? true : undefined;
    });

  for (const [stage, action, spec] of [
    ['the snapshots', 'CreateSnapshot', {}],
    ['the image of the instance', 'CreateImage', {}],
    ['the image of snapshots', 'CreateImage', { method: 'snapshots' }],
    ['the start of the source', 'StartInstances', {}],
  ] as const) {
    test(`before ${stage}: the source is up again, and nothing is left but what is kept`, async () => {
      const { instanceId, buildId, release } = await terminatedIn(action, spec);
      const found = await lookedAt(stack, buildId);
      if (stage !== 'the image of snapshots') {
        assert.equal(found.find(({ id }) => id === instanceId)?.plan, 'start');
        assert.notEqual(
          (await resourcesOf(stack.cloud, region, instanceId)).source!.state,
          'RUNNING',
          'looking starts nothing',
        );
      }
      await release();
      await sweptClean(buildId);
      if (stage === 'the start of the source') {
        const left = await resourcesOf(stack.cloud, region, instanceId);
        assertSource(left.source);
        assert.deepEqual([left.images.length, left.snapshots.length], [1, 1], 'it was over the commit point');
      } else await assertClean(stack.cloud, region, instanceId);
    });
  }

  test('while the image is CREATING: waited for, then deleted with what the cloud made for it', async () => {
    const instanceId = await stack.instance({ region, dataDisks: 1 });
    const build = await stack.start({ region, instanceId, image: { name: `swept-${instanceId}` } });
    await untilProgress(build, ({ steps }) =>
      steps.some(({ step, state }) => step === 'pollImage' && state === 'running'),
    );
    await build.terminate('a test');
    const buildId = await idOf(build, instanceId);
    const found = await lookedAt(stack, buildId);
    assert.deepEqual(found.map(({ type, plan }) => `${plan} ${type}`).sort(), [
      'delete image',
      'delete snapshot',
      'start instance',
    ]);
    await sweptClean(buildId);
    await assertClean(stack.cloud, region, instanceId);
  });

  test('while it launches: the new instance goes with its disks, image and snapshots stay', async () => {
    const instanceId = await stack.instance({ region, dataDisks: 1 });
    const build = await stack.start({ region, instanceId, image: { name: `swept-${instanceId}` }, launch });
    await until(async () => (await resourcesOf(stack.cloud, region, instanceId)).instances[0]);
    await build.terminate('a test');
    const buildId = await idOf(build, instanceId);
    await lookedAt(stack, buildId);
    await sweptClean(buildId);
    const left = await resourcesOf(stack.cloud, region, instanceId);
    assert.deepEqual([left.images.length, left.snapshots.length], [1, 1]);
    assert.deepEqual([left.instances, left.disks.filter(({ state }) => state !== 'TORECYCLE')], [[], []]);
    assertSource(left.source);
  });

  test('a launch counts as a build', async () => {
    const built = await buildOne(stack, {}, { dataDisks: 1 });
    // Held where the new disks are to be tagged as kept.
    const { met } = await stack.cloud.stall('TagResources', ':volume/');
    const handle = await startLaunch(stack, { image: built.image.imageId, build: 'own' });
    const launchId = launchIdOf(handle.firstExecutionRunId);
    await until(async () => (await resourcesOfLaunch(stack, launchId)).instances[0]);
    await until(async () => ((await met()) ? true : undefined));
    const early = leftOf(await sweep(stack, { apply: true }), launchId);
    assert.ok(
      early.every(({ plan }) => plan === 'report'),
      'an open launch is left alone',
    );
    await handle.terminate('a test');
    await lookedAt(stack, launchId);
    await sweptClean(launchId);
    const { instances, disks } = await resourcesOfLaunch(stack, launchId);
    assert.deepEqual([instances, disks.filter(({ state }) => state !== 'TORECYCLE')], [[], []]);
    const { images } = await stack.cloud.state(region);
    assert.ok(images.some(({ id, tags }) => id === built.image.imageId && tags[tagKeys.state] === 'kept'));
  });

  test('two sweeps at once, and one more, do no more than one', async () => {
    const { instanceId, buildId, release } = await terminatedIn('CreateImage');
    await release();
    await lookedAt(stack, buildId);
    const reports = await Promise.all([sweep(stack, { apply: true }), sweep(stack, { apply: true })]);
    for (const report of reports) {
      assert.deepEqual(
        leftOf(report, buildId).filter(({ outcome }) => outcome === 'left'),
        [],
      );
    }
    await sweptClean(buildId);
    await assertClean(stack.cloud, region, instanceId);
    assert.deepEqual(leftOf(await sweep(stack, { apply: true }), buildId), []);
  });
});
