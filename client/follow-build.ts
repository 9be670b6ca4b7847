import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import type { Client } from '@temporalio/client';
import { isPassing, rpcCodes, rpcFailure } from './rpc-failure';
import type { BuildView } from './view';
import { BuildWatch } from './watch';

export interface BuildRun {
  workflowId: string;
  /** Default: the latest run. */
  runId?: string;
}

export interface FollowOptions {
  /** Milliseconds between two looks; default 1000. */
  intervalMs?: number;
  /** Ends the iteration; the build goes on. */
  signal?: AbortSignal;
}

/**
 * The states of a build, one whenever something has changed; the last one has its outcome.
 *
 * Survives the loss of Temporal and of workers: the state then has a note that says so, and the look is repeated until it
 * succeeds. A build that is reset is followed into its new run.
 *
 * @throws {BuildNotFoundError} when Temporal does not know the build
 */
export async function* followBuild(
  client: Client,
  { workflowId, runId }: BuildRun,
  { intervalMs = 1000, signal }: FollowOptions = {},
): AsyncGenerator<BuildView, void, undefined> {
  const watch = new BuildWatch(client, workflowId, runId);
  let last: BuildView | undefined;
  while (!signal?.aborted) {
    const begun = Date.now();
    const view = await lookOrSay(watch, last);
    if (signal?.aborted) return;
    if (!isDeepStrictEqual(view, last)) yield view;
    if (view.outcome) return;
    last = view;
    const rest = Math.max(50, intervalMs - (Date.now() - begun));
    await sleep(rest, undefined, signal ? { signal } : {}).catch(() => undefined);
  }
}

async function lookOrSay(watch: BuildWatch, last: BuildView | undefined): Promise<BuildView> {
  try {
    return await watch.look();
  } catch (error) {
    if (!last || !(isPassing(error) || isStarting(error))) throw error;
    const reason =
      rpcFailure(error)?.code === rpcCodes.deadlineExceeded ? 'does not answer in time' : 'cannot be reached';
    return { ...last, notes: [`Temporal ${reason}; trying again. The build does not depend on this connection`] };
  }
}

/** A server that has just been started does not know its namespaces yet; this one knew the build a moment ago. */
const isStarting = (error: unknown) => error instanceof Error && error.name === 'NamespaceNotFoundError';

/** A build as it is now; with its outcome when it is over. */
export async function describeBuild(client: Client, { workflowId, runId }: BuildRun): Promise<BuildView> {
  return new BuildWatch(client, workflowId, runId).look(5000);
}
