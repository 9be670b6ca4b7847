import { type BuildActivities, tagKeys } from '../contract';
import { checkClaim, checkSourceTag } from './allowed';
import { step } from './engine/step';
import { setTags, tagValue } from './cloud/tags';
import { checkNotMade, copiesWithoutImage } from './made-before';
import { goneSnapshot } from './snapshot-disks';
import { describeState, instanceById, isOperating, isTransitional } from './source-instance';

type Input = Parameters<BuildActivities['shutdownInstance']>[0];
type Output = Awaited<ReturnType<BuildActivities['shutdownInstance']>>;

/**
 * Stops the source instance, so that the image is exactly its environment. Before the stop, a tag on the instance says
 * that it is to run again: no code runs after a build is terminated, and the tag outlives it.
 *
 * CVM StopInstances takes only a RUNNING instance and answers at once; success is STOPPED with LatestOperationState
 * SUCCESS. KEEP_CHARGING, since CreateImage refuses an instance that was stopped with STOP_CHARGING. Twice is harmless:
 * STOPPED is the wanted state. Its undo is `restoreInstance`. After a reset, copies of an earlier down-time go first.
 */
export const shutdownInstance = step<Input, Output>('before changes', async (run, { build, source, stopType }) => {
  const { instanceId } = build;
  const made = await checkNotMade(run, { snapshots: true });
  const byId = instanceById(run, instanceId);
  const gone = {
    is: 'missing',
    code: 'InstanceGone',
    message: `instance ${instanceId} no longer exists`,
    advice: 'Somebody has terminated it: build from another instance.',
  } as const;

  if (source.wasRunning) {
    await run.achieve({
      title: `restore tag of ${instanceId}`,
      look: byId.look,
      judge: (seen, acted) => {
        if (!seen) return gone;
        checkSourceTag(run, seen);
        checkClaim(run, seen);
        return acted || tagValue(seen.Tags, tagKeys.restore) === run.owner ? { is: 'done' } : { is: 'act' };
      },
      act: {
        action: 'TagResources',
        repeatable: true,
        call: async () => {
          await setTags(run.cloud, [{ type: 'instance', id: instanceId }], { [tagKeys.restore]: run.owner });
          return undefined;
        },
      },
    });
  }

  const stale = copiesWithoutImage(made, source.systemDisk.diskId);
  if (stale.length > 0 && source.wasRunning) {
    const now = await run.achieve({
      ...byId,
      judge: (seen) => {
        if (!seen) return gone;
        return isTransitional(seen) ? { is: 'going', waitingFor: describeState(seen) } : { is: 'done' };
      },
    });
    // While it is down they are of the moment that is still to be imaged; now they are of one that is over.
    if (now!.InstanceState === 'RUNNING') await run.achieveAll(stale.map((id) => goneSnapshot(run, id)));
  }

  let askedAt = run.retried && source.wasRunning ? run.startedAt : undefined;
  await run.achieve({
    ...byId,
    judge: (seen, acted) => {
      if (!seen) return gone;
      checkSourceTag(run, seen);
      if (seen.InstanceState === 'STOPPED' && !isOperating(seen)) return { is: 'done' };
      if (seen.InstanceState === 'STOPPED' || isTransitional(seen))
        return { is: 'going', waitingFor: describeState(seen) };
      if (seen.InstanceState !== 'RUNNING') {
        return {
          is: 'wrong',
          code: 'InstanceState',
          message: `${describeState(seen)}: it cannot be stopped`,
          advice: 'Bring it to RUNNING or STOPPED, and build again.',
        };
      }
      if (acted && seen.LatestOperation === 'StopInstances' && seen.LatestOperationState === 'FAILED') {
        const reason = seen.LatestOperationErrorMsg ? `: ${seen.LatestOperationErrorMsg}` : '';
        return {
          is: 'wrong',
          code: 'StopFailed',
          message: `instance ${instanceId} did not stop (${stopType})${reason}`,
          advice: 'Look at the guest, or allow a hard stop: stopType: SOFT_FIRST.',
        };
      }
      if (!source.wasRunning) {
        return {
          is: 'wrong',
          code: 'SourceChanged',
          message: `${instanceId} was started after it had been inspected`,
          advice: 'Build again: it will be stopped, imaged and started again.',
        };
      }
      return isOperating(seen) ? { is: 'going', waitingFor: describeState(seen) } : { is: 'act' };
    },
    act: {
      action: 'StopInstances',
      // A stop that may be under way is given time to show before another is asked for.
      repeatable: false,
      call: async () => {
        askedAt ??= new Date().toISOString();
        await run.cloud.call('cvm', 'StopInstances', {
          InstanceIds: [instanceId],
          StopType: stopType,
          StoppedMode: 'KEEP_CHARGING',
        });
        return undefined;
      },
      lookAgain: /^UnsupportedOperation\.InstanceState/,
    },
  });
  return { askedAt, stoppedAt: new Date().toISOString() };
});
