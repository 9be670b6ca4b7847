import {
  type Client,
  ScheduleAlreadyRunning,
  type ScheduleDescription,
  ScheduleNotFoundError,
  ScheduleOverlapPolicy,
} from '@temporalio/client';
import {
  checkPipeline,
  defaultTaskQueue,
  formatProblems,
  formatSeconds,
  goldenImageWorkflowId,
  type Pipeline,
  type PipelineInput,
  pipelineName,
  type ReleaseSchedule,
  type ScheduledReleaseInput,
  scheduledReleaseWorkflowId,
  scheduledReleaseWorkflowType,
  searchAttributes,
} from '../contract';
import { BuildNotFoundError, ClientError, SpecError } from './errors';
import { type Change, changesBetween } from './schedule-changes';
import { createSchedule, type Definition, removeSchedule, scheduleNow, updateSchedule } from './put-schedule';
import type { StartOptions } from './start-build';
import { describePipeline } from './start-release';

/** A pipeline's schedule as a file asks for it, or as Temporal has it. */
export interface PipelineSchedule {
  pipeline: Omit<Pipeline, 'schedule'>;
  schedule: ReleaseSchedule;
  taskQueue: string;
  /** What somebody has set elsewhere, such as in the Web UI, that no file asks for; applying one takes it away. */
  elsewhere?: string[];
}

/** What came of applying a pipeline. */
export interface Applied {
  scheduleId: string;
  outcome: 'created' | 'updated' | 'unchanged';
  changes: Change[];
  /** ISO 8601, UTC; absent when it is paused. */
  nextAt?: string | undefined;
}

/**
 * What a pipeline's file asks for.
 *
 * @throws {SpecError} when the pipeline is wrong
 * @throws {ClientError} when it has no schedule
 */
export function wantedSchedule(
  input: PipelineInput,
  { taskQueue = process.env.CVM_IMAGE_TASK_QUEUE ?? defaultTaskQueue }: StartOptions = {},
): PipelineSchedule {
  const check = checkPipeline(input);
  if (!check.ok) throw new SpecError(check.problems, formatProblems(check.problems));
  const { schedule, ...pipeline } = check.spec;
  if (!schedule) {
    throw new ClientError(
      `The pipeline ${pipelineName(pipeline)} has no schedule. Give it one: schedule: {cron: ["0 2 * * *"], timeZone: Asia/Shanghai}, or --cron.`,
    );
  }
  return { pipeline, schedule, taskQueue };
}

/** The Schedule's ID is the workflow ID of the pipeline's runs. */
export const scheduleIdOf = ({ pipeline }: Pick<PipelineSchedule, 'pipeline'>) =>
  goldenImageWorkflowId(pipeline.region, pipelineName(pipeline));

function definitionOf({ pipeline, schedule, taskQueue }: PipelineSchedule): Definition {
  const { cron, every, timeZone, jitter, overlap, catchUp } = schedule;
  const input: ScheduledReleaseInput = { pipeline, schedule };
  return {
    spec: {
      // The comment is what the server hands back: it keeps no cron expressions.
      ...(cron ? { cronExpressions: cron.map((text) => `${text} #${text}`) } : {}),
      ...(every === undefined ? {} : { intervals: [{ every: every * 1000 }] }),
      timezone: timeZone,
      jitter: jitter * 1000,
    },
    action: {
      type: 'startWorkflow',
      workflowType: scheduledReleaseWorkflowType,
      workflowId: scheduledReleaseWorkflowId(pipeline.region, pipelineName(pipeline)),
      taskQueue,
      args: [input],
      typedSearchAttributes: [
        { key: searchAttributes.ImageRegion, value: pipeline.region },
        { key: searchAttributes.ImageFamily, value: pipeline.family },
      ],
      ...describePipeline(pipeline),
    },
    policies: {
      overlap: overlap === 'skip' ? ScheduleOverlapPolicy.SKIP : ScheduleOverlapPolicy.BUFFER_ONE,
      catchupWindow: catchUp * 1000,
    },
  };
}

/** What Temporal has: the times and rules as the server keeps them, so that what somebody changed in the Web UI shows. */
export function deployedSchedule(now: ScheduleDescription): PipelineSchedule {
  const { spec, action, policies } = now;
  const [input] = action.args as [ScheduledReleaseInput];
  const { pipeline, schedule: declared } = input;
  const cron = (spec.calendars ?? []).map(({ comment }) => comment ?? 'a calendar of the Web UI');
  const [interval] = spec.intervals ?? [];
  const { overlap } = policies;
  const elsewhere = setElsewhere(now);
  return {
    pipeline,
    ...(elsewhere.length > 0 ? { elsewhere } : {}),
    taskQueue: action.taskQueue,
    schedule: {
      ...(cron.length > 0 ? { cron } : {}),
      ...(interval ? { every: interval.every / 1000 } : {}),
      timeZone: spec.timezone === undefined || spec.timezone === '' ? 'UTC' : spec.timezone,
      jitter: (spec.jitter ?? 0) / 1000,
      overlap:
        overlap === ScheduleOverlapPolicy.SKIP
          ? 'skip'
          : overlap === ScheduleOverlapPolicy.BUFFER_ONE
            ? 'wait'
            : (overlap as never),
      catchUp: policies.catchupWindow / 1000,
      pauseAfter: declared.pauseAfter,
    },
  };
}

/** What of a schedule no file can ask for, in words. */
function setElsewhere({ spec, policies }: ScheduleDescription): string[] {
  const { intervals = [], skip = [], startAt, endAt } = spec;
  const [first, ...more] = intervals;
  return [
    ...(first && first.offset > 0 ? [`the interval begins ${formatSeconds(first.offset / 1000)} later`] : []),
    ...more.map(({ every }) => `every ${formatSeconds(every / 1000)}, too`),
    ...skip.map(({ comment }) => `times that are left out (${comment ?? 'a calendar'})`),
    ...(startAt ? [`not before ${startAt.toISOString()}`] : []),
    ...(endAt ? [`not after ${endAt.toISOString()}`] : []),
    ...(policies.pauseOnFailure ? ['pauses at the first failure'] : []),
  ];
}

/**
 * Sets up the schedule of a pipeline, or changes the one that is there; what is as it should be is left alone. A paused one
 * stays paused.
 */
export async function applyPipeline(client: Client, wanted: PipelineSchedule): Promise<Applied> {
  const scheduleId = scheduleIdOf(wanted);
  const { changes, exists } = await diffPipeline(client, wanted);
  if (!exists) {
    await createSchedule(client, scheduleId, definitionOf(wanted));
    return applied(client, scheduleId, 'created', changes);
  }
  return changed(client, wanted, changes);
}

/** Changes the schedule that is there, where it is not as it should be. */
async function changed(client: Client, wanted: PipelineSchedule, changes: Change[]): Promise<Applied> {
  const scheduleId = scheduleIdOf(wanted);
  if (changes.length === 0) return applied(client, scheduleId, 'unchanged', []);
  await updateSchedule(client, scheduleId, definitionOf(wanted));
  return applied(client, scheduleId, 'updated', changes);
}

/** What applying a pipeline would change. Changes nothing. */
export async function diffPipeline(
  client: Client,
  wanted: PipelineSchedule,
): Promise<{ scheduleId: string; exists: boolean; changes: Change[] }> {
  const scheduleId = scheduleIdOf(wanted);
  const now = await scheduleNow(client, scheduleId);
  return {
    scheduleId,
    exists: now !== undefined,
    changes: changesBetween(now ? deployedSchedule(now) : undefined, wanted),
  };
}

/**
 * Sets up the schedule of a pipeline.
 *
 * @throws {ClientError} when there is one already
 */
export async function createPipelineSchedule(
  client: Client,
  wanted: PipelineSchedule,
  options: { paused?: boolean } = {},
): Promise<Applied> {
  const scheduleId = scheduleIdOf(wanted);
  const state = options.paused === true ? { paused: true, note: 'Created paused' } : undefined;
  try {
    await createSchedule(client, scheduleId, definitionOf(wanted), state);
  } catch (error) {
    if (!(error instanceof ScheduleAlreadyRunning)) throw error;
    throw new ClientError(`There is a schedule ${scheduleId} already. Change it with: cvm-image schedule update`);
  }
  return applied(client, scheduleId, 'created', changesBetween(undefined, wanted));
}

/**
 * Changes the schedule of a pipeline.
 *
 * @throws {BuildNotFoundError} when there is none
 */
export async function updatePipelineSchedule(client: Client, wanted: PipelineSchedule): Promise<Applied> {
  const { exists, scheduleId, changes } = await diffPipeline(client, wanted);
  if (!exists) throw noSchedule(scheduleId);
  return changed(client, wanted, changes);
}

async function applied(
  client: Client,
  scheduleId: string,
  outcome: Applied['outcome'],
  changes: Change[],
): Promise<Applied> {
  const now = await scheduleNow(client, scheduleId);
  const next = now && !now.state.paused ? now.info.nextActionTimes[0] : undefined;
  return { scheduleId, outcome, changes, ...(next ? { nextAt: next.toISOString() } : {}) };
}

/** A schedule's ID, or REGION/PIPELINE. */
export const scheduleIdFrom = (text: string) => (text.startsWith('golden-image/') ? text : `golden-image/${text}`);

/** What is told of a schedule that is not there. */
export const noSchedule = (scheduleId: string) =>
  new BuildNotFoundError(`There is no schedule ${scheduleId}. See cvm-image schedule list.`);

/** @throws {BuildNotFoundError} when there is no such schedule */
async function mustBeThere<T>(scheduleId: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof ScheduleNotFoundError) throw noSchedule(scheduleId);
    throw error;
  }
}

/** No run starts by itself until it is resumed; one that is at work goes on. */
export const pauseSchedule = (client: Client, scheduleId: string, note: string): Promise<void> =>
  mustBeThere(scheduleId, () => client.schedule.getHandle(scheduleId).pause(note));

/** Goes on; what was missed meanwhile is not made good. */
export const resumeSchedule = (client: Client, scheduleId: string, note: string): Promise<void> =>
  mustBeThere(scheduleId, () => client.schedule.getHandle(scheduleId).unpause(note));

/** Removes a schedule; a run that is at work goes on. */
export async function deleteSchedule(client: Client, scheduleId: string): Promise<void> {
  if (!(await removeSchedule(client, scheduleId))) throw noSchedule(scheduleId);
}

/**
 * Has a schedule take a time that has passed, or several, as if they were now: one run after the other. Dates and ages count
 * from the times that they are for.
 */
export const backfillSchedule = (client: Client, scheduleId: string, from: Date, to: Date): Promise<void> =>
  mustBeThere(scheduleId, () =>
    client.schedule.getHandle(scheduleId).backfill({
      start: from,
      end: to,
      overlap: ScheduleOverlapPolicy.BUFFER_ALL,
    }),
  );

/** Asks a schedule for a run now. What it does when one is at work is for the caller to look at before: it is skipped. */
export const triggerSchedule = (client: Client, scheduleId: string): Promise<void> =>
  mustBeThere(scheduleId, () => client.schedule.getHandle(scheduleId).trigger(ScheduleOverlapPolicy.SKIP));
