import { duration } from './duration';
import { once } from './once';
import type { ReleaseOutcome } from './release';
import type { Pipeline } from './pipeline';
import { timeZoneSchema } from './time-zone';
import { z } from './zod';

/** Name of the workflow type that a schedule starts: it starts a run of the pipeline, under the pipeline's own lock. */
export const scheduledReleaseWorkflowType = 'scheduledRelease';

/** ID of what a schedule starts; Temporal appends the time at which it was due. */
export const scheduledReleaseWorkflowId = (region: string, pipeline: string) =>
  `scheduled-release/${region}/${pipeline}`;

const fields = /^\S+(\s+\S+){4,6}$/;
const shorthand = /^@(yearly|monthly|weekly|daily|hourly)$/;

/** When a pipeline runs. */
export const scheduleSchema = once(() =>
  z
    .strictObject({
      cron: z
        .array(
          z
            .string()
            .trim()
            .refine((text) => (fields.test(text) && !text.includes('#')) || shorthand.test(text), {
              error: 'expected five fields (minute hour day month weekday), such as 0 2 * * *, or @daily',
            }),
        )
        .min(1)
        .max(10)
        .optional()
        .describe('Times as cron has them, such as 0 2 * * *: minute, hour, day, month, weekday.'),
      every: duration(60).optional().describe('Instead of cron: an interval, such as 12h, counted from 1970 in UTC.'),
      timeZone: timeZoneSchema().default('UTC').describe('Time zone of cron.'),
      jitter: duration(0).default(0).describe('A run may start later by a random time up to this.'),
      overlap: z
        .enum(['skip', 'wait'])
        .default('skip')
        .describe(
          'When it is due while another run of the pipeline is at work. skip: not this time. wait: until that has ended.',
        ),
      catchUp: duration(10)
        .default(3600)
        .describe('What was missed while Temporal was away is made good when it was due within this.'),
      pauseAfter: z
        .number()
        .int()
        .min(1)
        .max(100)
        .default(3)
        .describe('After so many failures in a row the schedule is paused, with the reason as its note.'),
    })
    .refine(({ cron, every }) => (cron === undefined) !== (every === undefined), {
      error: 'expected either cron or every',
    }),
);
export type ReleaseSchedule = z.output<ReturnType<typeof scheduleSchema>>;

/** What a schedule starts its workflow with. */
export interface ScheduledReleaseInput {
  pipeline: Pipeline;
  schedule: ReleaseSchedule;
}

/** How one due time of a schedule ended. It is the result of the workflow, or the first detail of its failure. */
export interface ScheduledRelease {
  /** `skipped`: another run of the pipeline was at work. */
  outcome: ReleaseOutcome | 'skipped';
  /** ISO 8601, UTC: when it was due. */
  nominalAt: string;
  /** The run of the pipeline; of one that was skipped, nothing. */
  runId?: string | undefined;
  /** The image of the pipeline's own region. */
  imageId?: string | undefined;
  /** Why it failed, or was skipped. */
  reason?: string | undefined;
  /** Failures in a row, this one included; handed on to the next run. */
  failures: number;
  /**
   * Times in all that were skipped for a run that the schedule had not started, this one included; handed on to the next run. Those
   * skipped for one of its own never begin: Temporal counts them. Absent in what older versions have left.
   */
  skipped?: number;
}

/** The activities of a schedule's workflow: what a workflow cannot do by itself. Both are safe to run twice. */
export interface ScheduleActivities {
  /** Pauses a schedule, and says why. One that is paused already stays as it is. */
  pauseSchedule(input: { scheduleId: string; note: string }): Promise<undefined>;
  /** Waits until a workflow has ended, however it ends. */
  awaitEnd(input: { workflowId: string }): Promise<undefined>;
}
