import { type Client, WorkflowUpdateFailedError, WorkflowUpdateRPCTimeoutOrCancelledError } from '@temporalio/client';
import { type UpdateDefinition, WorkflowNotFoundError } from '@temporalio/common';
import {
  type Amendment,
  buildWorkflowId,
  extendDeadlineUpdate,
  type Extended,
  extendReleaseUpdate,
  type Extension,
  type PauseAnswer,
  pauseUpdate,
  type ReleaseExtension,
  resumeUpdate,
  type RetryAnswer,
  retryStepUpdate,
  searchAttributes,
} from '../contract';
import { ClientError } from './errors';
import { exitCodes } from './exit-codes';
import type { BuildRun } from './follow-build';
import { kindOfId, nouns } from './outcome';
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
 * @throws {ClientError} when there is no such place any more, it is paused or held already, it is no build, or no worker answers
 */
export async function pauseBuild(client: Client, run: BuildRun, reason?: string): Promise<PauseAnswer> {
  await onlyBuilds(client, run, 'paused');
  return send(client, run, pauseUpdate, [{ reason }]);
}

/**
 * Lets a paused build go on.
 *
 * @throws {ClientError} when it is not paused, or no worker answers
 */
export async function resumeBuild(client: Client, run: BuildRun): Promise<undefined> {
  await onlyBuilds(client, run, 'paused and resumed');
  return send(client, run, resumeUpdate, []);
}

/**
 * Puts a deadline of a build off.
 *
 * @throws {ClientError} when there is no such deadline, what it is of is over, or no worker answers
 */
export const extendDeadline = (client: Client, run: BuildRun, extension: Extension): Promise<undefined> =>
  send(client, run, extendDeadlineUpdate, [extension]);

/**
 * Gives more time to mend a release that is held, to approve the candidate that waits, or to copies that wait for image quota.
 *
 * @throws {ClientError} when nothing waits, or no worker answers
 */
export const extendRelease = (client: Client, run: BuildRun, extension: ReleaseExtension): Promise<Extended> =>
  send(client, run, extendReleaseUpdate, [extension]);

/** Says of what is no build what to do instead. */
async function onlyBuilds(client: Client, { workflowId, runId }: BuildRun, verb: string): Promise<void> {
  const kind = kindOfId(workflowId);
  if (kind === 'build') return;
  const only = `Only builds can be ${verb}; ${workflowId} is a ${nouns[kind]}.`;
  if (kind !== 'release') throw new ClientError(`${only} Stop it with: cvm-image cancel ${workflowId}`);
  const { typedSearchAttributes: attributes } = await client.workflow.getHandle(workflowId, runId).describe();
  const instanceId = attributes.get(searchAttributes.SourceInstanceId);
  const [, region = ''] = workflowId.split('/');
  throw new ClientError(
    [
      only,
      ...(attributes.get(searchAttributes.BuildPhase) === 'building' && instanceId !== undefined
        ? [`Its build, which is at work:      cvm-image pause ${buildWorkflowId(region, instanceId)}`]
        : []),
      `The runs to come of its schedule: cvm-image schedule pause ${workflowId}`,
      `The whole run, for good:          cvm-image cancel ${workflowId}`,
      'A pipeline with `approve` waits by itself before its image is promoted.',
    ].join('\n'),
  );
}

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
    if (error instanceof WorkflowNotFoundError)
      throw new ClientError(`The ${nouns[kindOfId(workflowId)]} is over already: ${workflowId}`);
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
