import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { MockActivityEnvironment } from '@temporalio/testing';
import { createActivities } from '../../activities';
import {
  type BuildRef,
  type BuildResult,
  type BuildSpecInput,
  buildWorkflowId,
  buildWorkflowType,
  checkSpec,
  familyQuery,
  familyWorkflowId,
  type ReleaseActivities,
  retireUpdate,
  retryStepUpdate,
  specHash,
  specHashMemo,
} from '../../contract';
import { type BuildStack, startBuildStack } from '../support/build-stack';
import { assertSource, resourcesOf, until } from '../support/judge';
import { ended, pipelineOf, region, startRelease, untilRelease } from '../support/releases';
import { testSettings } from '../support/settings';

type JoinInput = Parameters<ReleaseActivities['joinBuild']>[0];

/** A pipeline that meets a build of its source: the rule of the command, without its conflict policy. */
describe('another build of the same source', { concurrency: 4 }, () => {
  let stack: BuildStack;
  before(async () => {
    stack = await startBuildStack();
    await stack.cloud.seed({ imageQuota: { [region]: 200 } });
  });
  after(() => stack.stop());

  const ref: BuildRef = { buildId: 'release-000000000001', region, instanceId: '', reset: false };
  /** Runs an activity that asks Temporal itself, as Temporal would. */
  const run = <N extends 'joinBuild' | 'askFamily'>(
    name: N,
    input: Parameters<ReleaseActivities[N]>[0],
    attempt = 1,
  ): Promise<Awaited<ReturnType<ReleaseActivities[N]>>> => {
    const info = { attempt, taskQueue: stack.taskQueue, heartbeatTimeoutMs: 5000 };
    const environment = new MockActivityEnvironment(info, { client: stack.client });
    return environment.run(createActivities(testSettings(stack.cloud.url))[name] as never, input) as never;
  };
  const join = (input: Omit<JoinInput, 'build'>, attempt = 1) => run('joinBuild', { build: ref, ...input }, attempt);

  /** A build as the command or a pipeline starts it, held where it is about to make its image. */
  const building = async (instanceId: string) => {
    const check = checkSpec({ region, instanceId, image: { name: `image-${instanceId}` } });
    assert.ok(check.ok);
    const hash = specHash(check.spec);
    const workflowId = buildWorkflowId(region, instanceId);
    const stalled = await stack.cloud.stall('CreateImage', instanceId);
    const handle = await stack.client.workflow.start<(spec: BuildSpecInput) => Promise<BuildResult>>(
      buildWorkflowType,
      { workflowId, taskQueue: stack.taskQueue, args: [check.spec], memo: { [specHashMemo]: hash } },
    );
    await until(async () => ((await stalled.met()) ? true : undefined));
    return { handle, workflowId, hash, go: stalled.release };
  };

  test('none is at work: the way is free', async () => {
    assert.deepEqual(await join({ workflowId: 'build-image/ap-guangzhou/ins-none0000', specHash: 'x' }), {});
  });

  test('of the same spec: its result is ours, also when it is asked for twice', async () => {
    const { handle, workflowId, hash, go } = await building(await stack.instance({ region }));
    const asked = [join({ workflowId, specHash: hash }), join({ workflowId, specHash: hash }, 2)];
    await go();
    const result = await handle.result();
    assert.deepEqual(await Promise.all(asked), [{ result }, { result }]);
    // Over, it is not joined: the next image is to be a new one.
    assert.deepEqual(await join({ workflowId, specHash: hash }), {});
  });

  test('of another spec: refused, and left alone', async () => {
    const { handle, workflowId, go } = await building(await stack.instance({ region }));
    await assert.rejects(join({ workflowId, specHash: 'another' }), { type: 'BuildInProgress', nonRetryable: true });
    await go();
    assert.ok((await handle.result()).image.imageId);
  });

  test('of the same spec, and it fails: its failure is ours', async () => {
    const instanceId = await stack.instance({ region });
    const { handle, workflowId, hash, go } = await building(instanceId);
    const kind = { kind: 'error', code: 'ImageQuotaLimitExceeded', message: 'no', when: 'before', times: 100 };
    const asked = join({ workflowId, specHash: hash });
    const id = await stack.cloud.fault({ action: 'CreateImage', contains: instanceId, ...kind });
    await Promise.all([go(), assert.rejects(asked, { type: 'ImageQuotaLimitExceeded' })]);
    await assert.rejects(handle.result());
    assert.ok((await stack.cloud.calls({ action: 'CreateImage' })).some(({ faults }) => faults.includes(id)));
  });

  for (const [what, other] of [
    ['the same', undefined],
    ['another', 'another'],
  ] as const) {
    test(`of ${what} spec, being undone: its end is waited for, and the way is free`, async () => {
      const instanceId = await stack.instance({ region, dataDisks: 1 });
      const { handle, workflowId, hash, go } = await building(instanceId);
      const undoing = await stack.cloud.stall('StartInstances', instanceId);
      await handle.cancel();
      await until(async () => ((await undoing.met()) ? true : undefined));
      let isOver = false;
      const asked = join({ workflowId, specHash: other ?? hash }).finally(() => (isOver = true));
      assert.equal((await handle.describe()).status.name, 'RUNNING');
      assert.equal(isOver, false);
      await undoing.release();
      assert.deepEqual(await asked, {});
      assert.notEqual((await handle.describe()).status.name, 'RUNNING');
      await go();
      assertSource((await resourcesOf(stack.cloud, region, instanceId)).source);
    });
  }

  test('a pipeline is held by a build of another spec, and goes on when that is over', async () => {
    const pipeline = await pipelineOf(stack, { onFailure: 'hold' });
    const { instanceId } = pipeline.source as { instanceId: string };
    const { handle, go } = await building(instanceId);
    const running = await startRelease(stack, pipeline);
    const { held } = await untilRelease(running, (progress) => progress.held !== undefined);
    assert.deepEqual([held!.step, held!.code, held!.imageStays], ['build', 'BuildInProgress', false]);
    assert.match(held!.advice!, /cvm-image watch build-image/);
    await go();
    const theirs = await handle.result();
    await running.executeUpdate(retryStepUpdate, { args: [{}] });
    const made = await ended(running);
    assert.equal(made.outcome, 'released');
    assert.notEqual(made.images[0]!.imageId, theirs.image.imageId);
    assertSource((await resourcesOf(stack.cloud, region, instanceId)).source);
  });

  test('a pipeline waits for a build that is being undone, and then builds', async () => {
    const pipeline = await pipelineOf(stack);
    const { instanceId } = pipeline.source as { instanceId: string };
    const { handle, go } = await building(instanceId);
    const undoing = await stack.cloud.stall('StartInstances', instanceId);
    await handle.cancel();
    await until(async () => ((await undoing.met()) ? true : undefined));
    const running = await startRelease(stack, pipeline);
    await untilRelease(running, ({ steps }) => steps.some(({ note }) => note?.includes('is at work') === true));
    await undoing.release();
    await go();
    const made = await ended(running);
    assert.equal(made.outcome, 'released');
    const theirs = stack.client.workflow.getHandle(handle.workflowId, handle.firstExecutionRunId);
    assert.equal((await theirs.describe()).status.name, 'CANCELLED');
    assert.equal((await resourcesOf(stack.cloud, region, instanceId)).images.length, 1);
  });

  test('askFamily: asked twice with one ID it is done once; a refusal is the family’s own', async () => {
    const family = `asked-${Date.now()}`;
    const build = { ...ref, accountId: '100000000001' };
    const place = { region, heartbeat: 5 };
    const argument = { place, youngerThan: 0, keepRejected: 0, now: new Date().toISOString(), dryRun: false };
    const ask = { build, family, update: retireUpdate.name, updateId: 'once', argument };
    assert.deepEqual(await run('askFamily', ask), []);
    const handle = stack.client.workflow.getHandle(familyWorkflowId(build.accountId, family));
    const looks = async () =>
      (await handle.fetchHistory()).events?.filter((e) => e.activityTaskScheduledEventAttributes);
    const before = (await looks())!.length;
    assert.equal(before, 1);
    assert.deepEqual(await run('askFamily', ask, 2), []);
    assert.equal((await looks())!.length, before);
    const wrong = { ...ask, update: 'rollback', updateId: 'other', argument: { place, by: 'test' } };
    for (const attempt of [1, 2]) {
      await assert.rejects(run('askFamily', wrong, attempt), { type: 'NothingToRollBackTo', nonRetryable: true });
    }
    assert.match((await handle.query(familyQuery)).last!, /no image of .* was current before/);
    await assert.rejects(run('askFamily', { ...ask, build: ref }), { type: 'NoAccount' });
    await handle.terminate();
  });
});
