import { ActivityCancellationType, proxyActivities } from '@temporalio/workflow';
import type { QuotaActivities, ReleaseActivities, RoomRequest } from '../../contract';
import { retry } from '../retry';

/**
 * The activities of a quota, by the worker of whoever they are done for: it has the credentials, and it is there.
 *
 * @param about.deadline seconds; none: until it is over or no longer wanted
 * @param about.takenWithin seconds after which a worker that does not take it counts as gone
 */
export function quotaActivities(
  { taskQueue, heartbeat }: Pick<RoomRequest, 'taskQueue' | 'heartbeat'>,
  { summary, deadline, takenWithin }: { summary: string; deadline?: number; takenWithin?: number },
): QuotaActivities & Pick<ReleaseActivities, 'askFamily'> {
  const limit = deadline === undefined ? '365 days' : deadline * 1000;
  return proxyActivities<QuotaActivities & Pick<ReleaseActivities, 'askFamily'>>({
    summary,
    taskQueue,
    scheduleToCloseTimeout: limit,
    startToCloseTimeout: limit,
    ...(takenWithin === undefined ? {} : { scheduleToStartTimeout: takenWithin * 1000 }),
    heartbeatTimeout: heartbeat * 1000,
    // Those that are cancelled only look.
    cancellationType: ActivityCancellationType.TRY_CANCEL,
    retry,
  });
}
