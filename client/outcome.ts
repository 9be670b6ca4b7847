import { type Client, type WorkflowExecutionDescription, WorkflowFailedError } from '@temporalio/client';
import { ApplicationFailure, CancelledFailure, TerminatedFailure, TimeoutFailure } from '@temporalio/common';
import { type BuildFailure, buildIdOf, type BuildResult, reportMemo } from '../contract';

export type BuildStatus = 'running' | 'completed' | 'failed' | 'cancelled' | 'terminated' | 'timed-out';

/** How a build ended. */
export type BuildOutcome =
  | { status: 'completed'; result: BuildResult }
  | { status: 'failed' | 'cancelled' | 'terminated' | 'timed-out'; failure: BuildFailure };

const nothingUndone =
  'Nothing was undone. Building the same instance again puts the source right; what is left carries the tag cvm-image-builder/build.';

/**
 * Waits until a build is over, with one long poll, and says how it ended; a build that is reset ends with its new run.
 * Throws only when Temporal cannot be asked.
 */
export async function outcomeOf(client: Client, workflowId: string, runId: string): Promise<BuildOutcome> {
  const handle = client.workflow.getHandle(workflowId, runId);
  try {
    return { status: 'completed', result: (await handle.result()) as BuildResult };
  } catch (error) {
    if (!(error instanceof WorkflowFailedError)) throw error;
    const run = await handle.describe();
    if (error.cause instanceof TerminatedFailure) {
      const next = await successorOf(client, run);
      if (next) return outcomeOf(client, workflowId, next.runId);
    }
    return endedWith(error.cause, buildIdOfRun(run), run.memo ?? {});
  }
}

/** The run that took over from a terminated one. A reset terminates the run that it replaces; both have one first run. */
export async function successorOf(
  client: Client,
  run: WorkflowExecutionDescription,
): Promise<WorkflowExecutionDescription | undefined> {
  const latest = await client.workflow.getHandle(run.workflowId).describe();
  return latest.runId !== run.runId && firstRunOf(latest) === firstRunOf(run) ? latest : undefined;
}

export function firstRunOf({ raw, runId }: WorkflowExecutionDescription): string {
  const first = raw.workflowExecutionInfo?.firstRunId;
  return first === undefined || first === null || first === '' ? runId : first;
}

/** Region and instance as the workflow ID has them. */
export function partsOf(workflowId: string): { region: string; instanceId: string } {
  const [, region = '', instanceId = ''] = workflowId.split('/');
  return { region, instanceId };
}

export const buildIdOfRun = (run: WorkflowExecutionDescription) =>
  buildIdOf(partsOf(run.workflowId).instanceId, firstRunOf(run));

function endedWith(cause: Error | undefined, buildId: string, memo: Record<string, unknown>): BuildOutcome {
  const failure = (code: string, message: string, advice?: string): BuildFailure => ({
    buildId,
    code,
    message,
    ...(advice === undefined ? {} : { advice }),
    resources: [],
  });
  if (cause instanceof CancelledFailure) {
    const told = isReport(memo[reportMemo]) ? memo[reportMemo] : reportIn(cause.details);
    return { status: 'cancelled', failure: told ?? failure('Cancelled', 'the build was cancelled') };
  }
  if (cause instanceof ApplicationFailure) {
    const status = cause.type === 'Cancelled' ? 'cancelled' : 'failed';
    return { status, failure: reportIn(cause.details) ?? failure(cause.type ?? 'Error', cause.message) };
  }
  if (cause instanceof TerminatedFailure) {
    return { status: 'terminated', failure: failure('Terminated', cause.message, nothingUndone) };
  }
  if (cause instanceof TimeoutFailure) {
    return { status: 'timed-out', failure: failure('TimedOut', cause.message, nothingUndone) };
  }
  return { status: 'failed', failure: failure('Error', cause?.message ?? 'the workflow failed without saying why') };
}

function reportIn(details: unknown[] | null | undefined): BuildFailure | undefined {
  return details?.find(isReport);
}

function isReport(value: unknown): value is BuildFailure {
  return typeof value === 'object' && value !== null && 'code' in value && 'message' in value && 'resources' in value;
}
