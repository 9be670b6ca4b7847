import type { Client, ScheduleDescription, ScheduleExecutionResult } from '@temporalio/client';
import { WorkflowFailedError } from '@temporalio/client';
import { ApplicationFailure, WorkflowNotFoundError } from '@temporalio/common';
import { type BuildPhase, type ScheduledRelease, scheduledReleaseWorkflowType, searchAttributes } from '../contract';
import { describeRun } from './describe-run';
import type { BuildStatus } from './outcome';
import { scheduleNow } from './put-schedule';
import { deployedSchedule, noSchedule, type PipelineSchedule } from './schedules';
import { statusOf } from './watch';

/** How the last time of a schedule ended. */
export interface LastRun {
  workflowId: string;
  outcome: ScheduledRelease['outcome'] | BuildStatus;
  reason?: string | undefined;
  imageId?: string | undefined;
  /** ISO 8601, UTC: when it was due. */
  nominalAt?: string | undefined;
  endedAt: string;
  seconds: number;
}

/** A run of the pipeline that is at work: while it is, no other begins. */
export interface Blocking {
  workflowId: string;
  runId: string;
  /** `unstarted`: a time that was taken, and whose run does not show; `unheard`: that no worker has heard of it yet. */
  phase: BuildPhase | 'unstarted' | 'unheard';
  /** ISO 8601, UTC: since when it runs. */
  startedAt: string;
}

/** A pipeline's schedule, with what somebody wants to know of it. */
export interface ScheduleState {
  scheduleId: string;
  paused: boolean;
  /** Why it is paused, or what was said when it was resumed. */
  note?: string | undefined;
  /** ISO 8601, UTC; absent while it is paused. */
  nextAt?: string | undefined;
  last?: LastRun | undefined;
  blockedBy?: Blocking | undefined;
  /** Times that were not taken because another run was at work. */
  skipped: number;
  /** Times that were missed while Temporal was away for longer than catchUp. */
  missed: number;
  wanted: PipelineSchedule;
}

/** The schedules of pipelines, by name. No worker is asked. */
export async function listSchedules(client: Client, options: { region?: string } = {}): Promise<ScheduleState[]> {
  const prefix = options.region === undefined ? 'golden-image/' : `golden-image/${options.region}/`;
  const ids: string[] = [];
  for await (const { scheduleId, action } of client.schedule.list()) {
    // What was created a moment ago is listed before its action is.
    if (action && action.workflowType !== scheduledReleaseWorkflowType) continue;
    if (scheduleId.startsWith(prefix)) ids.push(scheduleId);
  }
  const all = await Promise.all(ids.sort().map((id) => stateOf(client, id)));
  return all.filter((one) => one !== undefined);
}

/** @throws {BuildNotFoundError} when there is no such schedule */
export async function scheduleState(client: Client, scheduleId: string): Promise<ScheduleState> {
  const state = await stateOf(client, scheduleId);
  if (state) return state;
  throw noSchedule(scheduleId);
}

async function stateOf(client: Client, scheduleId: string): Promise<ScheduleState | undefined> {
  const now = await scheduleNow(client, scheduleId);
  if (now?.action.workflowType !== scheduledReleaseWorkflowType) return undefined;
  const { state, info } = now;
  const [run, { last, skipped }] = await Promise.all([blocking(client, scheduleId), pastRuns(client, now)]);
  const blockedBy = run ?? (await blockingItself(client, now));
  const [next] = info.nextActionTimes;
  return {
    scheduleId,
    paused: state.paused,
    ...(state.note === undefined || state.note === '' ? {} : { note: state.note }),
    ...(next && !state.paused ? { nextAt: next.toISOString() } : {}),
    ...(last ? { last } : {}),
    ...(blockedBy ? { blockedBy } : {}),
    skipped: info.numActionsSkippedOverlap + skipped,
    missed: info.numActionsMissedCatchupWindow,
    wanted: deployedSchedule(now),
  };
}

/** The run of the pipeline that is at work, whoever started it; its workflow ID is that of the schedule. */
export async function blocking(client: Client, workflowId: string): Promise<Blocking | undefined> {
  const run = await describeRun(client, workflowId);
  if (!run || statusOf(run.status.name) !== 'running') return undefined;
  const phase = (run.typedSearchAttributes.get(searchAttributes.BuildPhase) ?? 'checking') as BuildPhase;
  return { workflowId, runId: run.runId, phase, startedAt: run.startTime.toISOString() };
}

/** A time that was taken and is not over, though no run of the pipeline shows: the next ones are skipped or wait all the same. */
async function blockingItself(client: Client, { info }: ScheduleDescription): Promise<Blocking | undefined> {
  const [action] = info.runningActions;
  if (!action) return undefined;
  const { workflowId, firstExecutionRunId } = action.workflow;
  const run = await describeRun(client, workflowId, firstExecutionRunId);
  if (!run || statusOf(run.status.name) !== 'running') return undefined;
  // The server has written down its start and its first task, and no worker anything.
  const phase = run.historyLength <= 2 ? 'unheard' : 'unstarted';
  return { workflowId, runId: run.runId, phase, startedAt: run.startTime.toISOString() };
}

/**
 * The run of the pipeline that is at work, when its schedule has not started it and would not wait for it: whatever comes due
 * meanwhile is skipped, one time after the other.
 */
export async function skippedFor(client: Client, scheduleId: string): Promise<Blocking | undefined> {
  const now = await scheduleNow(client, scheduleId);
  if (!now || now.info.runningActions.length > 0 || deployedSchedule(now).schedule.overlap !== 'skip') return undefined;
  return blocking(client, scheduleId);
}

/** The last time that has ended, and how many began only to see that a run by hand was at work. */
async function pastRuns(
  client: Client,
  { info }: ScheduleDescription,
): Promise<{ last: LastRun | undefined; skipped: number }> {
  let last: LastRun | undefined;
  for (const recent of [...info.recentActions].reverse()) {
    const end = await endOf(client, recent);
    last ??= end?.run;
    // One that somebody cancelled or terminated has counted nothing.
    if (end?.skipped !== undefined) return { last, skipped: end.skipped };
  }
  return { last, skipped: 0 };
}

async function endOf(
  client: Client,
  { action }: ScheduleExecutionResult,
): Promise<{ run: LastRun; skipped?: number | undefined } | undefined> {
  const { workflowId, firstExecutionRunId } = action.workflow;
  const handle = client.workflow.getHandle(workflowId, firstExecutionRunId);
  try {
    const { status, startTime, closeTime } = await handle.describe();
    if (!closeTime) return undefined;
    const end = {
      workflowId,
      endedAt: closeTime.toISOString(),
      seconds: (closeTime.getTime() - startTime.getTime()) / 1000,
    };
    const report = await reportOf(() => handle.result());
    if (!report) return { run: { ...end, outcome: statusOf(status.name) } };
    const { outcome, reason, imageId, nominalAt, skipped } = report;
    return { run: { ...end, outcome, reason, imageId, nominalAt }, skipped };
  } catch (error) {
    // Temporal has forgotten it: its retention is over.
    if (error instanceof WorkflowNotFoundError) return undefined;
    throw error;
  }
}

async function reportOf(result: () => Promise<unknown>): Promise<ScheduledRelease | undefined> {
  try {
    return (await result()) as ScheduledRelease;
  } catch (error) {
    if (!(error instanceof WorkflowFailedError)) throw error;
    const { cause } = error;
    const [report] = (cause instanceof ApplicationFailure ? (cause.details ?? []) : []) as [ScheduledRelease?];
    return report;
  }
}
