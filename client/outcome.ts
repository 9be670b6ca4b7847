import { type Client, type WorkflowExecutionDescription, WorkflowFailedError } from '@temporalio/client';
import { ApplicationFailure, CancelledFailure, TerminatedFailure, TimeoutFailure } from '@temporalio/common';
import {
  type BuildFailure,
  buildIdOf,
  type BuildResult,
  type DeletionResult,
  type LaunchResult,
  type OperationKind,
  operations,
  type Release,
  reportMemo,
} from '../contract';

export type BuildStatus = 'running' | 'completed' | 'failed' | 'cancelled' | 'terminated' | 'timed-out';

/** What a build made; what a launch made or a deletion removed says so by its `kind`. */
export type OperationResult = BuildResult | LaunchResult | DeletionResult | Release;

/** How a build, a launch or a deletion ended. */
export type BuildOutcome<Result extends OperationResult = OperationResult> =
  | { status: 'completed'; result: Result }
  | { status: 'failed' | 'cancelled' | 'terminated' | 'timed-out'; failure: BuildFailure<string> };

/** What to do about an operation of which no code runs any more. */
function nothingUndone(kind: OperationKind, region: string): string {
  if (kind === 'delete') return 'Nothing more is deleted. If the image is still there, delete it again.';
  const restored = kind === 'build' ? 'starts the source again and ' : '';
  return `Nothing was undone. A sweep ${restored}removes what is left: cvm-image sweep --region ${region}`;
}

/**
 * Waits until a build is over, with one long poll, and says how it ended; a build that is reset ends with its new run.
 * Throws only when Temporal cannot be asked.
 */
export async function outcomeOf<Result extends OperationResult = OperationResult>(
  client: Client,
  workflowId: string,
  runId: string,
): Promise<BuildOutcome<Result>> {
  const handle = client.workflow.getHandle(workflowId, runId);
  try {
    return { status: 'completed', result: (await handle.result()) as Result };
  } catch (error) {
    if (!(error instanceof WorkflowFailedError)) throw error;
    const run = await handle.describe();
    if (error.cause instanceof TerminatedFailure) {
      const next = await successorOf(client, run);
      if (next) return outcomeOf(client, workflowId, next.runId);
    }
    return endedWith(error.cause, run);
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

/** How the operations are called in a sentence. */
export const nouns: Record<OperationKind, string> = {
  build: 'build',
  launch: 'launch',
  delete: 'deletion',
  release: 'release',
};

/** What a workflow ID says that it is, also before anything else is known. */
export function kindOfId(workflowId: string): OperationKind {
  if (workflowId.startsWith('golden-image/')) return 'release';
  return (/^(launch|delete)-image\//.exec(workflowId)?.[1] as 'launch' | 'delete' | undefined) ?? 'build';
}

/** Region and instance as the workflow ID has them. */
export function partsOf(workflowId: string): { region: string; instanceId: string } {
  const [, region = '', instanceId = ''] = workflowId.split('/');
  return { region, instanceId };
}

/** The build ID of a run, or the ID of the launch or deletion that it is. */
export const buildIdOfRun = (run: WorkflowExecutionDescription) =>
  (operations[run.type]?.idOf ?? buildIdOf)(partsOf(run.workflowId).instanceId, firstRunOf(run));

export const kindOfRun = ({ type }: { type: string }): OperationKind => operations[type]?.kind ?? 'build';

function endedWith(cause: Error | undefined, run: WorkflowExecutionDescription): BuildOutcome<never> {
  const buildId = buildIdOfRun(run);
  const memo = run.memo ?? {};
  const advice = nothingUndone(kindOfRun(run), partsOf(run.workflowId).region);
  const failure = (code: string, message: string, advice?: string): BuildFailure<string> => ({
    buildId,
    code,
    message,
    ...(advice === undefined ? {} : { advice }),
    resources: [],
  });
  if (cause instanceof CancelledFailure) {
    const told = isReport(memo[reportMemo]) ? memo[reportMemo] : reportIn(cause.details);
    return { status: 'cancelled', failure: told ?? failure('Cancelled', `the ${nouns[kindOfRun(run)]} was cancelled`) };
  }
  if (cause instanceof ApplicationFailure) {
    const status = cause.type === 'Cancelled' ? 'cancelled' : 'failed';
    return { status, failure: reportIn(cause.details) ?? failure(cause.type ?? 'Error', cause.message) };
  }
  if (cause instanceof TerminatedFailure) {
    return { status: 'terminated', failure: failure('Terminated', cause.message, advice) };
  }
  if (cause instanceof TimeoutFailure) {
    return { status: 'timed-out', failure: failure('TimedOut', cause.message, advice) };
  }
  return { status: 'failed', failure: failure('Error', cause?.message ?? 'the workflow failed without saying why') };
}

function reportIn(details: unknown[] | null | undefined): BuildFailure<string> | undefined {
  return details?.find(isReport);
}

function isReport(value: unknown): value is BuildFailure<string> {
  return typeof value === 'object' && value !== null && 'code' in value && 'message' in value && 'resources' in value;
}
