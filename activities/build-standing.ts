import { Context } from '@temporalio/activity';
import {
  type Client,
  type WorkflowExecutionDescription,
  WorkflowFailedError,
  WorkflowNotFoundError,
} from '@temporalio/client';
import { ApplicationFailure, CancelledFailure } from '@temporalio/common';
import { setTimeout as sleep } from 'node:timers/promises';
import { type BuildFailure, buildWorkflowId, instanceIdOf, operations, reportMemo, type Resource } from '../contract';

/** How a build or a launch stands in Temporal. */
export type Standing =
  /** It has a run that goes on, or may. */
  | { is: 'open' }
  | {
      is: 'closed';
      /** How it ended: `terminated`, `failed`, … */
      how: string;
      /** ISO 8601, UTC. */
      closedAt: string;
      /** Another build of the same instance that is open now. */
      lockedBy?: string | undefined;
    }
  /** Temporal does not know it: its history is over, or it is of another Temporal. */
  | { is: 'missing' }
  /** Temporal answered with an error. */
  | { is: 'unknown'; why: string };

/** What says that a run is over. Every other status, also one that is not known yet, counts as open. */
const endings: Record<string, string> = {
  COMPLETED: 'was completed',
  FAILED: 'failed',
  CANCELLED: 'was cancelled',
  TERMINATED: 'was terminated',
  TIMED_OUT: 'timed out',
};

const tries = 3;
const answerLimitMs = 10_000;

/**
 * Asks Temporal whether a build (or a launch) has an open run. Never throws: an error of Temporal is an answer too, and the
 * one that forbids most.
 *
 * The workflow ID is a build's lock, and has one open run at most, the current one. That is asked of the history service
 * (DescribeWorkflowExecution), which is never late. When it is of another build, ours is not open; the visibility index
 * (search attribute `BuildId`) then finds the run that says how ours ended. A launch has a random workflow ID, which only
 * that index knows. A build that was reset has several runs with one first run, which its ID is made of.
 */
export async function standingOf(region: string, buildId: string): Promise<Standing> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await ask(Context.current().client, region, buildId);
    } catch (error) {
      if (attempt === tries) return { is: 'unknown', why: messageOf(error) };
      await sleep(200 * attempt);
    }
  }
}

async function ask(client: Client, region: string, buildId: string): Promise<Standing> {
  const instanceId = instanceIdOf(buildId);
  const listed = instanceId === undefined ? await runsOf(client, buildId) : undefined;
  const locks = listed
    ? [...new Set(listed.map(({ workflowId }) => workflowId))]
    : [buildWorkflowId(region, instanceId!)];
  let lockedBy: string | undefined;
  for (const workflowId of locks) {
    const current = await describe(client, workflowId);
    if (!current) continue;
    if (idOf(current) === buildId) return standing(current);
    if (!isOver(current)) lockedBy = idOf(current);
  }
  // Not the current run of its workflow ID, so it is not open; how did it end?
  let last: WorkflowExecutionDescription | undefined;
  for (const { workflowId, runId } of listed ?? (await runsOf(client, buildId))) {
    const run = await describe(client, workflowId, runId);
    if (!run || idOf(run) !== buildId) continue;
    if (!isOver(run)) return { is: 'open' };
    if (!last || run.closeTime! > last.closeTime!) last = run;
  }
  return last ? { ...standing(last), ...(lockedBy === undefined ? {} : { lockedBy }) } : { is: 'missing' };
}

const isOver = ({ status, closeTime }: WorkflowExecutionDescription) =>
  endings[status.name] !== undefined && closeTime !== undefined;

function standing(run: WorkflowExecutionDescription): Standing {
  if (!isOver(run)) return { is: 'open' };
  return { is: 'closed', how: endings[run.status.name]!, closedAt: run.closeTime!.toISOString() };
}

/** The build ID, or the ID of the launch, that a run has. */
function idOf({ type, workflowId, runId, raw }: WorkflowExecutionDescription): string | undefined {
  const [, , subject = ''] = workflowId.split('/');
  const first = raw.workflowExecutionInfo?.firstRunId ?? '';
  return operations[type]?.idOf(subject, first || runId);
}

async function runsOf(client: Client, buildId: string): Promise<{ workflowId: string; runId: string }[]> {
  // It stands in a tag, which anybody may have written.
  if (!/^[0-9a-z-]{1,60}$/.test(buildId)) return [];
  return client.withDeadline(Date.now() + answerLimitMs, async () => {
    const runs = [];
    for await (const { workflowId, runId } of client.workflow.list({ query: `BuildId = '${buildId}'` })) {
      runs.push({ workflowId, runId });
    }
    return runs;
  });
}

/** A run, by default the current one; undefined when Temporal has no history of it. */
async function describe(
  client: Client,
  workflowId: string,
  runId?: string,
): Promise<WorkflowExecutionDescription | undefined> {
  try {
    return await client.withDeadline(Date.now() + answerLimitMs, () =>
      client.workflow.getHandle(workflowId, runId).describe(),
    );
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return undefined;
    throw error;
  }
}

/**
 * The resources that a build which is over says it keeps, in its result or its report. What `onFailure: keep` leaves may
 * lack the tag that says so, when the tag was refused. Undefined when Temporal does not say.
 */
export async function keptByReport(region: string, buildId: string): Promise<Set<string> | undefined> {
  const { client } = Context.current();
  try {
    const kept = new Set<string>();
    let said = false;
    for (const run of await endedRunsOf(client, region, buildId)) {
      for (const { id, fate } of await reported(client, run)) if (fate === 'kept') kept.add(id);
      said = true;
    }
    return said ? kept : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Whether a build that is over has itself seen to it that its source was up again: it was completed, or its report says so. One
 * that was terminated says nothing. Of a build that was reset, the run that ended last counts. Undefined when Temporal does not say.
 */
export async function leftItsSourceUp(region: string, buildId: string): Promise<boolean | undefined> {
  const { client } = Context.current();
  try {
    const ended = await endedRunsOf(client, region, buildId);
    const last = ended.sort((one, other) => one.closeTime!.getTime() - other.closeTime!.getTime()).at(-1);
    if (!last) return undefined;
    if (last.status.name === 'COMPLETED') return true;
    return (await reports(client, last)).some(({ sourceIsUp }) => sourceIsUp === true);
  } catch {
    return undefined;
  }
}

/**
 * The runs of a build, or of a launch, that are over. The current run of a build's workflow ID is asked for by that: the visibility index,
 * which knows of the others, may not have it yet.
 */
async function endedRunsOf(client: Client, region: string, buildId: string): Promise<WorkflowExecutionDescription[]> {
  const instanceId = instanceIdOf(buildId);
  const current: { workflowId: string; runId?: string }[] =
    instanceId === undefined ? [] : [{ workflowId: buildWorkflowId(region, instanceId) }];
  const ended = new Map<string, WorkflowExecutionDescription>();
  for (const { workflowId, runId } of [...current, ...(await runsOf(client, buildId))]) {
    // The current one is listed, too, as a rule.
    if (runId !== undefined && ended.has(runId)) continue;
    const run = await describe(client, workflowId, runId);
    if (run && idOf(run) === buildId && isOver(run)) ended.set(run.runId, run);
  }
  return [...ended.values()];
}

async function reported(client: Client, run: WorkflowExecutionDescription): Promise<Resource[]> {
  return (await reports(client, run)).flatMap(({ resources = [] }) => resources);
}

type Report = Partial<Pick<BuildFailure, 'resources' | 'sourceIsUp'>>;

/** What a run that is over has said: its result, or the report of its failure. */
async function reports(client: Client, run: WorkflowExecutionDescription): Promise<Report[]> {
  if (run.status.name === 'CANCELLED') return told(run.memo?.[reportMemo]);
  if (run.status.name === 'TERMINATED' || run.status.name === 'TIMED_OUT') return [];
  try {
    const handle = client.workflow.getHandle(run.workflowId, run.runId, { followRuns: false });
    return told(await client.withDeadline(Date.now() + answerLimitMs, () => handle.result()));
  } catch (error) {
    if (!(error instanceof WorkflowFailedError)) throw error;
    const { cause } = error;
    const details = cause instanceof ApplicationFailure || cause instanceof CancelledFailure ? cause.details : [];
    return (details ?? []).flatMap(told);
  }
}

const told = (value: unknown): Report[] => (value === undefined || value === null ? [] : [value]);

function messageOf(error: unknown): string {
  let innermost = error;
  while (innermost instanceof Error && innermost.cause !== undefined) innermost = innermost.cause;
  return innermost instanceof Error ? innermost.message : String(innermost);
}
