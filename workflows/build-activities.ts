import { ActivityCancellationType, proxyActivities } from '@temporalio/workflow';
import type {
  BuildActivities,
  DistributionActivities,
  ImageActivities,
  ReleaseActivities,
  ScheduleActivities,
  SweepActivities,
} from '../contract';
import { retry } from './retry';

export type ActivityName = keyof BuildActivities;

type AllActivities = BuildActivities &
  ImageActivities &
  SweepActivities &
  ReleaseActivities &
  DistributionActivities &
  ScheduleActivities;

interface Limits {
  /** What it is about, for the UI. */
  summary: string;
  /** Seconds until it fails; none for restoring the source. */
  deadline?: number | undefined;
}

/** Longer than any outage: an activity without a deadline must have one all the same. */
const noDeadline = '365 days';

/** The activities, under a deadline. A worker that dies is noticed within the heartbeat timeout of the spec. */
export function activitiesOf(spec: { deadlines: { heartbeat: number } }, { summary, deadline }: Limits): AllActivities {
  const limit = deadline === undefined ? noDeadline : deadline * 1000;
  return proxyActivities<AllActivities>({
    summary,
    scheduleToCloseTimeout: limit,
    startToCloseTimeout: limit,
    heartbeatTimeout: spec.deadlines.heartbeat * 1000,
    // Undoing begins only when nothing is at work any more.
    cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
    retry,
  });
}
