import type { Client } from '@temporalio/client';
import type { temporal } from '@temporalio/proto';
import type { BuildEnd } from './ending';
import type { Play } from './play';
import type { Twice } from './scenario';

/** The type of the failure that stands for an answer which never reached Temporal. */
export const answerLost = 'AnswerLost';

/** An activity of a build that was completed. */
export interface CompletedActivity {
  type: string;
  /** Counts from 1. */
  attempt: number;
  /** Type of what the attempt before it failed with. */
  failedBefore: string | undefined;
}

/** The activities that a build completed, from Temporal's history of it. */
export async function activitiesOf({ server }: Play, { build }: BuildEnd): Promise<CompletedActivity[]> {
  return activitiesOfRun(server.client, build.handle.workflowId);
}

/** The activities that the latest run of a workflow completed. */
export async function activitiesOfRun(client: Client, workflowId: string): Promise<CompletedActivity[]> {
  const { events } = await client.workflow.getHandle(workflowId).fetchHistory();
  return completedActivities(events ?? []);
}

function completedActivities(events: temporal.api.history.v1.IHistoryEvent[]): CompletedActivity[] {
  const byId = new Map(events.map((event) => [String(event.eventId), event]));
  return events.flatMap(({ activityTaskCompletedEventAttributes: completed }) => {
    if (!completed) return [];
    const scheduled = byId.get(String(completed.scheduledEventId))?.activityTaskScheduledEventAttributes;
    const started = byId.get(String(completed.startedEventId))?.activityTaskStartedEventAttributes;
    return {
      type: scheduled?.activityType?.name ?? '',
      attempt: started?.attempt ?? 1,
      failedBefore: started?.lastFailure?.applicationFailureInfo?.type ?? undefined,
    };
  });
}

/** What was to be done twice, and was not; the activities' names, or all. */
export function twiceProblems(twice: Twice, done: CompletedActivity[]): string[] {
  const wanted = (type: string) => twice === 'all' || twice.includes(type);
  const once = done.filter(({ type, failedBefore }) => wanted(type) && failedBefore !== answerLost);
  const names = new Set(done.map(({ type }) => type));
  const never =
    twice === 'all' ? (done.length === 0 ? ['any activity'] : []) : twice.filter((type) => !names.has(type));
  return [
    ...once.map(({ type, attempt }) => `${type} was done once only, in attempt ${attempt}`),
    ...never.map((type) => `${type} was never completed`),
  ];
}
