import type { WorkflowHandle } from '@temporalio/client';
import {
  type BuildSpecInput,
  checkUpWorkflowId,
  checkUpWorkflowType,
  extendDeadlineUpdate,
  pauseUpdate,
  planWorkflowId,
  planWorkflowType,
  resumeUpdate,
  retryStepUpdate,
} from '../../contract';
import type { BuildStack } from '../support/build-stack';
import { resetBuild } from '../durability/harness/people';
import { until, untilProgress } from '../support/judge';
import { leftDown } from '../support/left-down';
import { resetRun } from '../support/reset';
import { imageScenarios } from './image-scenarios';
import { familyScenarios } from './family-scenarios';
import { releaseScenarios } from './release-scenarios';
import { quotaScenarios } from './quota-scenarios';
import { sweepScenario } from './sweep-scenario';

const region = 'ap-guangzhou';
const launch = { zone: 'ap-guangzhou-3' };

/** A build whose history is recorded under `<version>-<name>.json` and replayed ever after. */
export interface Scenario {
  name: string;
  /** How it must end. */
  ends: 'COMPLETED' | 'FAILED' | 'CANCELLED' | 'CONTINUED_AS_NEW';
  run: (stack: BuildStack) => Promise<WorkflowHandle>;
}

const build =
  (spec: Partial<BuildSpecInput>, source: Record<string, unknown> = {}, fault?: Record<string, unknown>) =>
  async (stack: BuildStack): Promise<WorkflowHandle> => {
    const instanceId = await stack.instance({ region, dataDisks: 2, ...source });
    // The tag's value tells the calls of this build from those of others, and a launch from its DryRun.
    if (fault) await stack.cloud.fault({ contains: `/${instanceId.slice(4)}-`, ...fault });
    return stack.start({ region, instanceId, image: { name: `replay-${instanceId}` }, ...spec });
  };

/** Cancelled while the step that makes these calls is at work: they are refused for a while, however busy the machine is. */
const cancelledIn = (action: string) => async (stack: BuildStack) => {
  const instanceId = await stack.instance({ region, dataDisks: 2 });
  const { met, release } = await stack.cloud.stall(action, `/${instanceId.slice(4)}-`);
  const handle = await stack.start({ region, instanceId, image: { name: `replay-${instanceId}` }, launch });
  await until(async () => ((await met()) ? true : undefined));
  await handle.cancel();
  await handle.result().catch(() => undefined);
  await release();
  return handle;
};

/** Held after a failure, and tried again once the source is up. */
const heldAndRetried =
  (spec: Partial<BuildSpecInput>, fault: Record<string, unknown>, amendment: object) => async (stack: BuildStack) => {
    const handle = await build({ onFailure: 'hold', ...spec }, {}, fault)(stack);
    await untilProgress(handle, ({ held, sourceDownSince }) => held !== undefined && sourceDownSince === undefined);
    await handle.executeUpdate(retryStepUpdate, { args: [amendment] });
    return handle;
  };

/** Its image is usable, and its source, which was to start meanwhile, does not come up in time. */
const heldWithItsImage = async (stack: BuildStack) => {
  const instanceId = await stack.instance({ region, dataDisks: 1 });
  const { met, release } = await stack.cloud.stall('StartInstances', instanceId);
  const spec = { restartSource: 'when-allowed', onFailure: 'hold', deadlines: { build: 6 } } as const;
  const handle = await stack.start({ region, instanceId, image: { name: `replay-${instanceId}` }, ...spec });
  await until(async () => ((await met()) ? true : undefined));
  await untilProgress(handle, ({ held }) => held !== undefined);
  await release();
  await untilProgress(handle, ({ sourceDownSince }) => sourceDownSince === undefined);
  await handle.executeUpdate(retryStepUpdate, { args: [{}] });
  return handle;
};

/** Paused before the shutdown, its deadline put off, let go on. */
const pausedAndResumed = async (stack: BuildStack) => {
  const instanceId = await stack.instance({ region, dataDisks: 1 });
  const { met, release } = await stack.cloud.stall('DescribeDisks', instanceId);
  const handle = await stack.start({ region, instanceId, image: { name: `replay-${instanceId}` } });
  await until(async () => ((await met()) ? true : undefined));
  await handle.executeUpdate(pauseUpdate, { args: [{ reason: 'a deployment' }] });
  await release();
  await untilProgress(handle, ({ phase }) => phase === 'paused');
  await handle.executeUpdate(extendDeadlineUpdate, { args: [{ seconds: 600 }] });
  await handle.executeUpdate(resumeUpdate);
  return handle;
};

/** A step whose deadline is put off while it waits. */
const extendedInPollImage = async (stack: BuildStack) => {
  const never = { action: 'CreateImage', kind: 'image-never-finishes' };
  const handle = await build({}, {}, never)(stack);
  const { imageId } = await untilProgress(handle, ({ steps }) =>
    steps.some(({ step, state }) => step === 'pollImage' && state === 'running'),
  );
  await handle.executeUpdate(extendDeadlineUpdate, { args: [{ of: 'pollImage', seconds: 600 }] });
  await stack.cloud.send('POST', 'interfere', { act: 'finish-image', id: imageId });
  return handle;
};

/** Reset when it was over: the new run takes up what the first one has kept. */
const resetWhenOver = async (stack: BuildStack) => {
  const handle = await build({ launch })(stack);
  await handle.result();
  return resetRun(stack.client, handle.workflowId);
};

/** Reset to its snapshots when it had failed and undone them: the source is up again, so that it begins anew. */
const resetToItsMiddle = async (stack: BuildStack) => {
  const fails = { action: 'CreateImage', kind: 'image-fails' };
  const handle = await build({ method: 'snapshots' }, {}, fails)(stack);
  await handle.result().catch(() => undefined);
  await resetBuild(stack.client, handle.workflowId, (names) => names.indexOf('snapshotDisks'));
  return stack.client.workflow.getHandle(handle.workflowId);
};

/** Finds its source left down by an earlier build, and is paused before it stops it. */
const pausedWithSourceDown = async (stack: BuildStack) => {
  const instanceId = await leftDown(stack, region);
  const { met, release } = await stack.cloud.stall('DescribeDisks', instanceId);
  const handle = await stack.start({ region, instanceId, image: { name: `replay-${instanceId}` } });
  await until(async () => ((await met()) ? true : undefined));
  await handle.executeUpdate(pauseUpdate, { args: [{ reason: 'a deployment' }] });
  await release();
  await untilProgress(handle, ({ phase, sourceDownSince }) => phase === 'paused' && sourceDownSince === undefined);
  await handle.executeUpdate(resumeUpdate);
  return handle;
};

const planOf = (spec: Partial<BuildSpecInput>) => async (stack: BuildStack) => {
  const instanceId = await stack.instance({ region, dataDisks: 2 });
  return stack.client.workflow.start(planWorkflowType, {
    workflowId: planWorkflowId(region, instanceId, 'replay'),
    taskQueue: stack.taskQueue,
    args: [{ region, instanceId, image: { name: `replay-${instanceId}` }, ...spec }],
  });
};

const checkUpOf = (regionOf: string) => (stack: BuildStack) =>
  stack.client.workflow.start(checkUpWorkflowType, {
    workflowId: checkUpWorkflowId(`replay-${stack.taskQueue}`),
    taskQueue: stack.taskQueue,
    args: [{ region: regionOf }],
  });

export const scenarios: Scenario[] = [
  { name: 'instance-launch', ends: 'COMPLETED', run: build({ launch }) },
  { name: 'snapshots-launch', ends: 'COMPLETED', run: build({ method: 'snapshots', launch }) },
  { name: 'instance-include', ends: 'COMPLETED', run: build({ dataDisks: 'include', restartSource: 'when-allowed' }) },
  { name: 'stopped-source', ends: 'COMPLETED', run: build({ dataDisks: 'none' }, { state: 'STOPPED' }) },
  { name: 'refused', ends: 'FAILED', run: build({ sysprep: true }) },
  {
    name: 'image-failed',
    ends: 'FAILED',
    run: build({ launch }, {}, { action: 'CreateImage', kind: 'image-fails' }),
  },
  {
    name: 'image-failed-keep',
    ends: 'FAILED',
    run: build({ onFailure: 'keep' }, {}, { action: 'CreateImage', kind: 'image-fails' }),
  },
  {
    name: 'untold-keep',
    ends: 'FAILED',
    // The answer comes when the step's time is over, so that the build has to find out what was made.
    run: build(
      { onFailure: 'keep', deadlines: { createImage: 2 } },
      {},
      { action: 'CreateImage', kind: 'delay', when: 'after', milliseconds: 4000 },
    ),
  },
  {
    name: 'launch-failed',
    ends: 'FAILED',
    run: build({ launch }, {}, { action: 'RunInstances', kind: 'launch-fails' }),
  },
  { name: 'deadline', ends: 'FAILED', run: build({ deadlines: { build: 1 } }) },
  { name: 'cancelled-snapshots', ends: 'CANCELLED', run: cancelledIn('CreateSnapshot') },
  { name: 'cancelled-launch', ends: 'CANCELLED', run: cancelledIn('RunInstances') },
  {
    name: 'held-image-retried',
    ends: 'COMPLETED',
    run: heldAndRetried({ launch }, { action: 'CreateImage', kind: 'image-fails' }, { description: 'second try' }),
  },
  {
    name: 'held-launch-retried',
    ends: 'COMPLETED',
    run: heldAndRetried(
      { method: 'snapshots', launch },
      { action: 'RunInstances', kind: 'launch-fails' },
      { launch: { name: 'second-try' } },
    ),
  },
  {
    // Lists know the step that is held.
    name: 'held-listed',
    ends: 'COMPLETED',
    run: heldAndRetried({ method: 'snapshots' }, { action: 'CreateImage', kind: 'image-fails' }, {}),
  },
  { name: 'held-with-its-image', ends: 'COMPLETED', run: heldWithItsImage },
  {
    name: 'held-in-vain',
    ends: 'FAILED',
    run: build({ onFailure: 'hold', deadlines: { hold: 1 } }, {}, { action: 'CreateImage', kind: 'image-fails' }),
  },
  { name: 'paused-resumed', ends: 'COMPLETED', run: pausedAndResumed },
  { name: 'extended-image', ends: 'COMPLETED', run: extendedInPollImage },
  { name: 'paused-with-source-down', ends: 'COMPLETED', run: pausedWithSourceDown },
  { name: 'reset-taken-up', ends: 'COMPLETED', run: resetWhenOver },
  { name: 'reset-begun-anew', ends: 'COMPLETED', run: resetToItsMiddle },
  ...imageScenarios,
  ...releaseScenarios,
  ...familyScenarios,
  ...quotaScenarios,
  sweepScenario,
  { name: 'plan', ends: 'COMPLETED', run: planOf({ method: 'snapshots', launch }) },
  { name: 'plan-refused', ends: 'COMPLETED', run: planOf({ sysprep: true }) },
  { name: 'check-up', ends: 'COMPLETED', run: checkUpOf(region) },
];
