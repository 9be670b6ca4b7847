import { tagKeys } from '../contract';
import type { Instance } from './cloud/cloud';
import { tagValue } from './cloud/tags';
import type { StepRun } from './engine/run';
import type { Goal } from './engine/goal';

/** States in which an instance is on its way to another one, so that waiting is all there is to do. */
const transitional = new Set([
  'PENDING',
  'STARTING',
  'STOPPING',
  'REBOOTING',
  'ENTER_RESCUE_MODE',
  'EXIT_RESCUE_MODE',
  'ENTER_SERVICE_LIVE_MIGRATE',
  'SERVICE_LIVE_MIGRATE',
  'EXIT_SERVICE_LIVE_MIGRATE',
]);

export const isTransitional = (instance: Instance) => transitional.has(instance.InstanceState ?? '');
/** An operation that was asked for has not ended yet (LatestOperationState OPERATING). */
export const isOperating = (instance: Instance) => instance.LatestOperationState === 'OPERATING';
/** It is on its way to another state, or at work for somebody: waiting is all there is to do. */
export const isBusy = (instance: Instance) => isTransitional(instance) || isOperating(instance);
const destinations: Record<string, string> = { STOPPING: 'STOPPED' };
for (const state of ['PENDING', 'STARTING', 'REBOOTING', 'EXIT_RESCUE_MODE']) destinations[state] = 'RUNNING';
for (const stage of ['ENTER_', '', 'EXIT_']) destinations[`${stage}SERVICE_LIVE_MIGRATE`] = 'RUNNING';

/** The state that an instance is on its way to, or is in. */
export const destinationOf = ({ InstanceState = 'unknown' }: Instance) => destinations[InstanceState] ?? InstanceState;
/** The instance is on its way out: SHUTDOWN (recycle bin), TERMINATING, or never came up. */
export const isDoomed = (instance: Instance) =>
  ['SHUTDOWN', 'TERMINATING', 'LAUNCH_FAILED'].includes(instance.InstanceState ?? '');

/** The instance carries this installation's restore tag: one of its builds took it down and owes it a start. */
export const isClaimed = (run: StepRun, instance: Instance) =>
  run.isInstallation(tagValue(instance.Tags, tagKeys.restore));

/**
 * Whether an instance carries our restore tag, where a run before this one may only just have asked for it: that it does
 * not must have stood for the settle window.
 */
export async function provesClaimed(run: StepRun, instanceId: string): Promise<boolean> {
  const seen = await run.achieve<Instance>({
    ...instanceById(run, instanceId),
    title: `restore tag of ${instanceId}`,
    judge: (instance) =>
      instance && isClaimed(run, instance) ? { is: 'done' } : { is: 'done', standSeconds: run.settings.settleSeconds },
  });
  return seen !== undefined && isClaimed(run, seen);
}

/** How an instance's state reads: `instance ins-1a2b3c4d: STOPPING (StopInstances OPERATING)`. */
export function describeState(instance: Instance): string {
  const { InstanceId, InstanceState, LatestOperation } = instance;
  const operation = LatestOperation && isOperating(instance) ? ` (${LatestOperation} OPERATING)` : '';
  return `instance ${InstanceId ?? ''}: ${InstanceState ?? 'unknown'}${operation}`;
}

/** The parts of a goal that look at one instance by its ID, in requests shared with other waits. */
export function instanceById(run: StepRun, instanceId: string): Pick<Goal<Instance>, 'title' | 'look' | 'watch'> {
  return {
    title: `instance ${instanceId}`,
    look: () => run.cloud.instances.look(instanceId),
    watch: () => ({ on: run.cloud.instances, id: instanceId }),
  };
}

/**
 * Makes sure that the source is still down when copies of its disks have been asked for: one that is taken while the guest
 * writes may be torn, and the cloud takes it all the same (CreateImage with `ForcePoweroff: false` images a running
 * instance). A source that is gone writes nothing any more.
 *
 * @throws SourceChanged when somebody else has started it
 */
export async function checkStillDown(run: StepRun): Promise<void> {
  const { instanceId } = run.build;
  await run.achieve<Instance>({
    ...instanceById(run, instanceId),
    title: `instance ${instanceId}, which is to be down`,
    judge: (seen) => {
      if (!seen || seen.InstanceState === 'STOPPED' || isDoomed(seen)) return { is: 'done' };
      return {
        is: 'missing',
        code: 'SourceChanged',
        message: `${instanceId} was started by somebody else while its disks were copied: the copies may be torn (${describeState(seen)})`,
        advice: 'See to it that nobody starts it while it is imaged, and build again.',
        waitingFor: `${describeState(seen)}, though it is to be down`,
      };
    },
  });
}
