import { type Client, WorkflowUpdateFailedError, WorkflowUpdateRPCTimeoutOrCancelledError } from '@temporalio/client';
import { type UpdateDefinition, WorkflowNotFoundError } from '@temporalio/common';
import {
  type Amendment,
  extendDeadlineUpdate,
  type Extension,
  type PauseAnswer,
  pauseUpdate,
  resumeUpdate,
  type RetryAnswer,
  retryStepUpdate,
} from '../contract';
import { ClientError } from './errors';
import { exitCodes } from './exit-codes';
import type { BuildRun } from './follow-build';
import { rpcCodes, rpcFailure } from './rpc-failure';

/** How long a worker's answer is waited for. */
const patienceMs = 20_000;

/**
 * Has the failed step of a held build tried again.
 *
 * @param amendment what is to be different
 * @throws {ClientError} when the build is not held, the amendment makes no sense, or no worker answers
 */
export const retryBuild = (client: Client, run: BuildRun, amendment: Amendment = {}): Promise<RetryAnswer> =>
  send(client, run, retryStepUpdate, [amendment]);

/**
 * Pauses a build at the next place where its source is up.
 *
 * @throws {ClientError} when there is no such place any more, it is paused or held already, or no worker answers
 */
export const pauseBuild = (client: Client, run: BuildRun, reason?: string): Promise<PauseAnswer> =>
  send(client, run, pauseUpdate, [{ reason }]);

/**
 * Lets a paused build go on.
 *
 * @throws {ClientError} when it is not paused, or no worker answers
 */
export const resumeBuild = (client: Client, run: BuildRun): Promise<undefined> => send(client, run, resumeUpdate, []);

/**
 * Puts a deadline of a build off.
 *
 * @throws {ClientError} when there is no such deadline, what it is of is over, or no worker answers
 */
export const extendDeadline = (client: Client, run: BuildRun, extension: Extension): Promise<undefined> =>
  send(client, run, extendDeadlineUpdate, [extension]);

/** Sends an update to a run and waits for its answer. */
export async function send<Result, Args extends unknown[]>(
  client: Client,
  { workflowId, runId }: BuildRun,
  update: UpdateDefinition<Result, Args>,
  args: Args,
): Promise<Result> {
  const handle = client.workflow.getHandle(workflowId, runId);
  try {
    return await client.withDeadline(Date.now() + patienceMs, () =>
      // The SDK's types tell updates with and without arguments apart, which is all one here.
      handle.executeUpdate(update as unknown as UpdateDefinition<Result, [unknown]>, {
        args: args as unknown as [unknown],
      }),
    );
  } catch (error) {
    if (error instanceof WorkflowUpdateFailedError) throw new ClientError(error.cause?.message ?? error.message);
    if (error instanceof WorkflowNotFoundError) throw new ClientError(`The build is over already: ${workflowId}`);
    const late = rpcFailure(error)?.code === rpcCodes.deadlineExceeded;
    if (late || error instanceof WorkflowUpdateRPCTimeoutOrCancelledError) {
      throw new ClientError(
        [
          `No worker has answered within ${patienceMs / 1000} s. Is one running (cvm-image worker)?`,
          `What was asked for may still be done once one is: look with cvm-image show ${workflowId}`,
        ].join('\n'),
        exitCodes.buildFailed,
      );
    }
    throw error;
  }
}
