import { type Client, WorkflowFailedError, type WorkflowHandle } from '@temporalio/client';
import { ApplicationFailure, CancelledFailure, TerminatedFailure } from '@temporalio/common';
import { setTimeout as pause } from 'node:timers/promises';
import { type BuildFailure, buildIdOf, type BuildResult, reportMemo } from '../../../contract';
import type { PlayedBuild } from './play';

/** How a build ended, as Temporal tells it. */
export type BuildEnd = { build: PlayedBuild; buildId: string } & (
  | { how: 'completed'; result: BuildResult }
  | { how: 'failed' | 'cancelled'; failure: BuildFailure | undefined; type: string; message: string }
  | { how: 'terminated' }
  | { how: 'hanging'; pending: string }
);

/** Waits until a build is over, also through times in which nobody answers, until the limit. */
export async function endOf(client: Client, build: PlayedBuild, limit: AbortSignal): Promise<BuildEnd> {
  const { workflowId, firstExecutionRunId } = build.handle;
  const handleOf = (runId?: string) =>
    client.workflow.getHandle<() => Promise<BuildResult>>(workflowId, runId, { followRuns: false });
  let handle = handleOf();
  let open = true;
  let memo: Record<string, unknown> = {};
  for (;;) {
    try {
      // The newest run, since a reset makes a new one; but that may be of the next build of the same source.
      const newest = await handleOf().describe();
      const own = newest.raw.workflowExecutionInfo?.firstRunId === firstExecutionRunId;
      const { status, runId, memo: told } = own ? newest : await handleOf(firstExecutionRunId).describe();
      handle = handleOf(runId);
      open = status.name === 'RUNNING';
      memo = told ?? {};
      if (!open) break;
      await closed(client, handle, limit);
    } catch {
      // The server is dead, for now.
      await pause(100);
    }
    if (limit.aborted) break;
  }
  const buildId = buildIdOf(build.instanceId, firstExecutionRunId);
  if (open) return { build, buildId, how: 'hanging', pending: await pendingIn(client, workflowId) };
  try {
    return { build, buildId, how: 'completed', result: await handle.result() };
  } catch (error) {
    const cause = error instanceof WorkflowFailedError ? error.cause : error;
    if (cause instanceof TerminatedFailure) return { build, buildId, how: 'terminated' };
    if (cause instanceof CancelledFailure) {
      const failure = memo[reportMemo] as BuildFailure | undefined;
      return { build, buildId, how: 'cancelled', failure, type: 'Cancelled', message: cause.message };
    }
    if (!(cause instanceof ApplicationFailure)) throw error;
    const [failure] = (cause.details ?? []) as [BuildFailure | undefined];
    return { build, buildId, how: 'failed', failure, type: cause.type ?? '', message: cause.message };
  }
}

/** Comes back when a run is over: asked once, for a busy machine is to work on the builds. */
async function closed(client: Client, run: WorkflowHandle, limit: AbortSignal): Promise<void> {
  await client
    .withAbortSignal(limit, () => run.result())
    .catch((error: unknown) => {
      if (!(error instanceof WorkflowFailedError)) throw error;
    });
}

/** What a workflow waits for: its activities that are under way, and which workflows it has started that are not over. */
async function pendingIn(client: Client, workflowId: string): Promise<string> {
  const { raw } = await client.workflow.getHandle(workflowId).describe();
  const activities = (raw.pendingActivities ?? []).map(
    ({ activityType, attempt, state, lastWorkerIdentity, lastFailure }) =>
      [
        `${activityType?.name ?? '?'} (attempt ${attempt ?? '?'}, state ${state ?? '?'}, worker ${lastWorkerIdentity ?? 'none'})`,
        lastFailure?.message,
      ]
        .filter(Boolean)
        .join(': '),
  );
  const children = (raw.pendingChildren ?? []).map(({ workflowId: child }) => `child ${child ?? '?'}`);
  const task = raw.pendingWorkflowTask ? [`a workflow task, attempt ${raw.pendingWorkflowTask.attempt ?? '?'}`] : [];
  return [...activities, ...children, ...task].join('; ') || 'nothing that Temporal tells';
}

/** In one or two words: `failed: CREATEFAILED`. */
export const endName = (end: BuildEnd) => (end.how === 'failed' ? `failed: ${end.type}` : end.how);
