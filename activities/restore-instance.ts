import { ApplicationFailure } from '@temporalio/activity';
import { type BuildActivities, tagKeys } from '../contract';
import type { Instance } from './cloud/cloud';
import { isKeyRefused } from './cloud/errors';
import type { Goal } from './engine/goal';
import type { StepRun } from './engine/run';
import { step } from './engine/step';
import { removeTag, tagValue } from './cloud/tags';
import { describeState, instanceById, isClaimed, isDoomed, isOperating, provesClaimed } from './source-instance';

type Input = Parameters<BuildActivities['restoreInstance']>[0];
type Output = Awaited<ReturnType<BuildActivities['restoreInstance']>>;

/**
 * Starts the source instance again and takes the restore tag away: a step of its own, and the undo of
 * `shutdownInstance`. It has no deadline; it ends when the instance is RUNNING or no longer exists.
 *
 * CVM StartInstances takes only a STOPPED instance, so a stop that is still under way is waited for. Twice is harmless:
 * RUNNING is the wanted state, whoever brought it about. When a stop may be in flight whose answer nobody got, RUNNING
 * is believed only after it has stood for the settle window.
 */
export const restoreInstance = step<Input, Output>('undo', (run, input) => restored(run, input));

interface Guards {
  /** Called before every look, and so before every change; throws when nothing may be done any more. */
  guard: () => Promise<void>;
  /** Called when the source is seen to be down, before the lease for its start; throws when it may not be started. */
  refuseStart: () => Promise<void>;
}

const nothing = () => Promise.resolve();

/**
 * Brings a source up again, see {@link restoreInstance}.
 *
 * @param guards default: nothing stands in the way
 */
export async function restored(
  run: StepRun,
  { unknownOutcome, onlyIfClaimed = false }: Pick<Input, 'unknownOutcome' | 'onlyIfClaimed'>,
  { guard, refuseStart }: Guards = { guard: nothing, refuseStart: nothing },
): Promise<Output> {
  const { instanceId } = run.build;
  const look = async () => {
    await guard();
    return run.cloud.instances.look(instanceId);
  };
  if (onlyIfClaimed && !(await provesClaimed(run, instanceId))) return { outcome: 'untouched' };
  const instance = await run.achieve({
    ...instanceById(run, instanceId),
    look: async () => {
      const seen = await look();
      if (seen?.InstanceState === 'STOPPED') await refuseStart();
      return seen;
    },
    judge: (seen) => {
      // One empty look may be a describe that lags, and this is about a server that matters.
      if (!seen) return { is: 'done', standSeconds: run.settings.settleSeconds };
      if (isDoomed(seen)) return { is: 'done' };
      if (seen.InstanceState === 'RUNNING') {
        const settling = isOperating(seen) && /^(Start|Stop|Reboot)Instances$/.test(seen.LatestOperation ?? '');
        return settling ? { is: 'going', waitingFor: describeState(seen) } : { is: 'done' };
      }
      if (seen.InstanceState === 'STOPPED' && !(isOperating(seen) && seen.LatestOperation === 'StartInstances')) {
        return { is: 'act' };
      }
      return { is: 'going', waitingFor: describeState(seen) };
    },
    act: {
      action: 'StartInstances',
      repeatable: true,
      call: async () => {
        await run.cloud.call('cvm', 'StartInstances', { InstanceIds: [instanceId] });
        return undefined;
      },
      lookAgain: /^(UnsupportedOperation\.InstanceState|InvalidInstanceId\.NotFound)/,
    },
    ...(unknownOutcome ? { standSeconds: run.settings.settleSeconds } : {}),
  });
  if (!instance || isDoomed(instance)) return { outcome: 'gone' };
  const runningAt = new Date().toISOString();

  const tagLeft = await removeRestoreTag(run, instanceId, look);
  const operation = instance.LatestOperationRequestId ?? undefined;
  return { outcome: 'running', runningAt, tagLeft, ...(operation === undefined ? {} : { operation }) };
}

/**
 * Takes the restore tag away. The source runs already, so a tag that may not be removed is no reason to hold the build up:
 * why it stays is answered instead. A key that is refused passes, and nothing else could be done with it.
 */
async function removeRestoreTag(
  run: StepRun,
  instanceId: string,
  look: Goal<Instance>['look'],
): Promise<string | undefined> {
  const goal: Goal<Instance> = {
    title: `restore tag of ${instanceId}`,
    look,
    // Somebody else's tag is not ours to take away. Tags show late: that none is seen says nothing, and asking once is enough.
    judge: (seen, acted) => {
      const value = tagValue(seen?.Tags, tagKeys.restore);
      return acted || (value !== undefined && !isClaimed(run, seen!)) ? { is: 'done' } : { is: 'act' };
    },
    act: {
      action: 'UnTagResources',
      repeatable: true,
      call: async () => {
        await removeTag(run.cloud, 'instance', instanceId, tagKeys.restore);
        return undefined;
      },
    },
  };
  try {
    await run.achieve(goal);
    return undefined;
  } catch (error) {
    if (!(error instanceof ApplicationFailure) || isKeyRefused(error.type ?? '')) throw error;
    return error.message;
  }
}
