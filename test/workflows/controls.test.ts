import { WorkflowUpdateFailedError, type WorkflowHandle } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import {
  type BuildPhase,
  type BuildSpecInput,
  extendDeadlineUpdate,
  pauseUpdate,
  resumeUpdate,
  retryStepUpdate,
} from '../../contract';
import { type BuildStack, startBuildStack } from '../support/build-stack';
import { assertClean, assertSource, failureOf, ids, resourcesOf, until, untilProgress } from '../support/judge';

const region = 'ap-guangzhou';
const launch = { zone: 'ap-guangzhou-3' };

/** A build that stays where it is until it is released. */
interface Standing {
  handle: WorkflowHandle;
  instanceId: string;
  release: () => Promise<unknown>;
}

describe('what people do with a build', { concurrency: 4 }, () => {
  let stack: BuildStack;
  before(async () => {
    stack = await startBuildStack();
    await stack.cloud.seed({ imageQuota: { [region]: 200 } });
  });
  after(() => stack.stop());

  async function start(spec: Partial<BuildSpecInput> = {}) {
    const instanceId = await stack.instance({ region, dataDisks: 1 });
    const name = `hand-${instanceId}`;
    return { instanceId, name, begin: () => stack.start({ region, instanceId, image: { name }, launch, ...spec }) };
  }

  /** A build whose calls of an action are refused for a while, so that it stays in the step that makes them. */
  const stalled = (action: string, phase: BuildPhase) => async (): Promise<Standing> => {
    const { instanceId, begin } = await start();
    // Some requests name the instance, the others only bear the build's tag.
    const contains = ['DescribeDisks', 'StopInstances'].includes(action) ? instanceId : `/${instanceId.slice(4)}-`;
    const { met, release } = await stack.cloud.stall(action, contains);
    const handle = await begin();
    await until(async () => ((await met()) ? true : undefined));
    await untilProgress(handle, (progress) => progress.phase === phase);
    return { handle, instanceId, release };
  };
  const failing = (spec: Partial<BuildSpecInput>) => async () => {
    const { instanceId, name, begin } = await start(spec);
    await stack.cloud.fault({ action: 'CreateImage', contains: name, kind: 'image-fails' });
    return { instanceId, begin };
  };

  const states: Record<string, () => Promise<Standing>> = {
    checking: stalled('DescribeDisks', 'checking'),
    'shutting down': stalled('StopInstances', 'shutting-down'),
    snapshotting: stalled('CreateSnapshot', 'snapshotting'),
    imaging: stalled('CreateImage', 'imaging'),
    launching: stalled('RunInstances', 'launching'),
    paused: async () => {
      const standing = await states.checking!();
      const answer = await standing.handle.executeUpdate(pauseUpdate, { args: [{ reason: 'a deployment' }] });
      assert.equal(answer.before, 'shutdownInstance');
      await standing.release();
      const { paused } = await untilProgress(standing.handle, ({ phase }) => phase === 'paused');
      assert.equal(paused?.reason, 'a deployment');
      assert.ok(paused.since);
      return { ...standing, release: () => standing.handle.executeUpdate(resumeUpdate) };
    },
    held: async () => {
      const { instanceId, begin } = await failing({ onFailure: 'hold' })();
      const handle = await begin();
      await untilProgress(handle, ({ phase }) => phase === 'held');
      return {
        handle,
        instanceId,
        release: () => handle.executeUpdate(retryStepUpdate, { args: [{}] }),
      };
    },
    undoing: async () => {
      const { instanceId, begin } = await failing({})();
      const { met, release } = await stack.cloud.stall('StartInstances', instanceId);
      const handle = await begin();
      await until(async () => ((await met()) ? true : undefined));
      await untilProgress(handle, ({ phase }) => phase === 'undoing');
      return { handle, instanceId, release };
    },
  };

  const updates: Record<string, (handle: WorkflowHandle) => Promise<unknown>> = {
    retryStep: (handle) => handle.executeUpdate(retryStepUpdate, { args: [{}] }),
    resume: (handle) => handle.executeUpdate(resumeUpdate),
    'extend build': (handle) => handle.executeUpdate(extendDeadlineUpdate, { args: [{ seconds: 60 }] }),
    'extend hold': (handle) => handle.executeUpdate(extendDeadlineUpdate, { args: [{ of: 'hold', seconds: 60 }] }),
    'extend createImage': (handle) =>
      handle.executeUpdate(extendDeadlineUpdate, { args: [{ of: 'createImage', seconds: 60 }] }),
    pause: (handle) => handle.executeUpdate(pauseUpdate, { args: [{}] }),
  };
  // What each update is answered in each state; the order of the columns is that of `updates`.
  const answers: Record<string, string[]> = {
    checking: ['NotHeld', 'NotPaused', 'ok', 'NotHeld', 'ok', 'ok'],
    'shutting down': ['NotHeld', 'NotPaused', 'ok', 'NotHeld', 'ok', 'ok'],
    snapshotting: ['NotHeld', 'NotPaused', 'ok', 'NotHeld', 'ok', 'ok'],
    imaging: ['NotHeld', 'NotPaused', 'ok', 'NotHeld', 'ok', 'ok'],
    launching: ['NotHeld', 'NotPaused', 'ok', 'NotHeld', 'StepOver', 'NothingToPause'],
    paused: ['NotHeld', 'later', 'ok', 'NotHeld', 'ok', 'AlreadyPaused'],
    held: ['later', 'NotPaused', 'ok', 'ok', 'ok', 'Held'],
    undoing: ['NotHeld', 'NotPaused', 'Ending', 'Ending', 'Ending', 'Ending'],
  };

  for (const [state, standing] of Object.entries(states)) {
    test(`every update of a build that is ${state}`, async () => {
      const { handle, instanceId, release } = await standing();
      for (const [index, [name, send]] of Object.entries(updates).entries()) {
        const expected = answers[state]![index]!;
        if (expected === 'later') continue; // It is what releases the build.
        assert.equal(await answerTo(send(handle)), expected, name);
        if (name === 'pause' && expected === 'ok') {
          assert.equal(await answerTo(updates.pause!(handle)), 'AlreadyPaused');
          assert.equal(await answerTo(updates.resume!(handle)), 'ok');
        }
      }
      await release();
      if (state === 'undoing') {
        await failureOf(handle);
        await assertClean(stack.cloud, region, instanceId);
        return;
      }
      await handle.result();
      const made = await resourcesOf(stack.cloud, region, instanceId);
      assertSource(made.source);
      assert.deepEqual([made.images.length, made.snapshots.length, made.instances.length], [1, 1, 1]);
    });

    test(`cancelling a build that is ${state}`, async () => {
      const { handle, instanceId, release } = await standing();
      await handle.cancel();
      // The held and the paused go on by themselves; what is stalled is to be let go of.
      if (state !== 'held' && state !== 'paused') {
        await until(async () => {
          const { raw } = await handle.describe();
          return raw.workflowExtendedInfo?.cancelRequested === true ? true : undefined;
        });
        await release();
      }
      const failure = await failureOf(handle);
      // What is being undone goes on being undone, and ends as what it failed of.
      assert.equal(failure.cancelled, state !== 'undoing');
      if (state === 'held') assert.match(failure.message, /while it was held after pollImage: .*CREATEFAILED/);
      if (state !== 'launching') {
        await assertClean(stack.cloud, region, instanceId);
        return;
      }
      const left = await resourcesOf(stack.cloud, region, instanceId);
      assertSource(left.source);
      assert.deepEqual([left.images.length, left.snapshots.length, ids(left.instances)], [1, 1, []]);
    });
  }

  test('updates of a build that is over are refused', async () => {
    const instanceId = await stack.instance({ region });
    const handle = await stack.start({ region, instanceId, image: { name: `over-${instanceId}` } });
    await handle.result();
    for (const send of Object.values(updates))
      await assert.rejects(send(handle), /workflow execution already completed/);
  });

  test('what makes no sense is refused, and says what would', async () => {
    const { handle, release } = await states.held!();
    const retry = (amendment: unknown) =>
      reasonOf(handle.executeUpdate(retryStepUpdate, { args: [amendment as object] }));
    assert.match(await retry({ name: 'x'.repeat(61) }), /image\.name: expected at most 60 characters/);
    assert.match(await retry({ nam: 'x' }), /nam: unknown key; did you mean name\?/);
    assert.match(await retry({ launch: { zone: 'ap-shanghai-2' } }), /launch\.zone: not a zone of ap-guangzhou/);
    const extend = (extension: unknown) =>
      reasonOf(handle.executeUpdate(extendDeadlineUpdate, { args: [extension as never] }));
    assert.match(await extend({ of: 'build' }), /seconds from 1 to a year/);
    assert.match(await extend({ of: 'restoreInstance', seconds: 60 }), /there is no deadline of restoreInstance/);
    assert.match(await extend({ of: 'room', seconds: 60 }), /does not wait for room/);
    await release();
    await handle.result();
  });

  for (const then of ['cancelled', 'let go on'] as const) {
    test(`a source that its owner stops while the build is paused stays stopped, though the build is ${then}`, async () => {
      const { handle, instanceId } = await states.paused!();
      await stack.cloud.send('POST', 'interfere', { act: 'stop-instance', id: instanceId });
      if (then === 'cancelled') {
        await handle.cancel();
        assert.equal((await failureOf(handle)).cancelled, true);
      } else {
        await handle.executeUpdate(resumeUpdate);
        await handle.result();
      }
      assertSource((await resourcesOf(stack.cloud, region, instanceId)).source, 'STOPPED');
      const starts = await stack.cloud.calls({ action: 'StartInstances' });
      assert.ok(!starts.some(({ resources }) => resources.includes(instanceId)));
    });
  }

  test('a step that waits goes on under a deadline that is put off', async () => {
    const { instanceId, name, begin } = await start({ deadlines: { pollImage: 4 } });
    await stack.cloud.fault({ action: 'CreateImage', contains: name, kind: 'image-never-finishes' });
    const handle = await begin();
    await untilProgress(handle, ({ steps }) =>
      steps.some(({ step, state }) => step === 'pollImage' && state === 'running'),
    );
    const began = Date.now();
    await handle.executeUpdate(extendDeadlineUpdate, { args: [{ of: 'pollImage', seconds: 600 }] });
    const { imageId } = await untilProgress(handle, () => Date.now() - began > 5000);
    await stack.cloud.send('POST', 'interfere', { act: 'finish-image', id: imageId });
    await handle.result();
    const made = await resourcesOf(stack.cloud, region, instanceId);
    assert.deepEqual([made.images.length, made.instances.length], [1, 1]);
  });

  test('an activity that is paused in Temporal, reset and let go on', async () => {
    const { instanceId, name, begin } = await start();
    await stack.cloud.fault({ action: 'CreateImage', contains: name, kind: 'image-never-finishes' });
    const handle = await begin();
    const { imageId } = await untilProgress(handle, ({ steps }) =>
      steps.some(({ step, state }) => step === 'pollImage' && state === 'running'),
    );
    const { workflowService: service, options } = stack.client;
    const about = { namespace: options.namespace, execution: { workflowId: handle.workflowId }, type: 'pollImage' };
    const paused = async () =>
      (await handle.describe()).raw.pendingActivities?.find(({ activityType }) => activityType?.name === 'pollImage')
        ?.paused;
    await service.pauseActivity(about);
    await until(async () => ((await paused()) === true ? true : undefined));
    // Nothing waits for the image now, and the source is down: the build says so.
    const { sourceDownSince } = await untilProgress(handle, () => true);
    assert.ok(sourceDownSince);
    await service.resetActivity({ ...about, keepPaused: true });
    await stack.cloud.send('POST', 'interfere', { act: 'finish-image', id: imageId });
    await service.unpauseActivity(about);
    await handle.result();
    const made = await resourcesOf(stack.cloud, region, instanceId);
    assertSource(made.source);
    assert.deepEqual([made.images.length, made.instances.length], [1, 1]);
  });
});

/** `ok`, or the type that an update was refused with. */
async function answerTo(update: Promise<unknown>): Promise<string> {
  return update.then(
    () => 'ok',
    (error: unknown) => failureIn(error).type ?? 'no type',
  );
}

async function reasonOf(update: Promise<unknown>): Promise<string> {
  return update.then(
    () => assert.fail('the update was taken'),
    (error: unknown) => failureIn(error).message,
  );
}

function failureIn(error: unknown): ApplicationFailure {
  assert.ok(error instanceof WorkflowUpdateFailedError, String(error));
  assert.ok(error.cause instanceof ApplicationFailure, String(error.cause));
  return error.cause;
}
