import { randomUUID } from 'node:crypto';
import {
  type Client,
  isGrpcCancelledError,
  isGrpcDeadlineError,
  WithStartWorkflowOperation,
  type WorkflowExecutionDescription,
  WorkflowUpdateFailedError,
  type WorkflowUpdateHandle,
  WorkflowUpdateRPCTimeoutOrCancelledError,
} from '@temporalio/client';
import { ApplicationFailure, type UpdateDefinition } from '@temporalio/common';
import {
  defaultTaskQueue,
  familyMemo,
  familyQuery,
  type FamilyState,
  familyWorkflowId,
  familyWorkflowType,
  livingSeconds,
} from '../contract';
import { NoWorkerError } from './ask-worker';
import { describeRun } from './describe-run';
import { ClientError } from './errors';
import { exitCodes } from './exit-codes';
import { pollersOf } from './pollers';
import type { StartOptions } from './start-build';

export interface FamilyAbout extends StartOptions {
  accountId: string;
  family: string;
  /** How long its workflow may take to take the request (default: 15), and then to do it, in seconds. */
  patience?: { take?: number; answer?: number };
}

/**
 * Has the workflow of a family do something, and waits for it.
 *
 * @param answerSeconds how long it may take to do it, unless the caller has a patience of its own
 * @throws {NoWorkerError} when no worker takes it up
 * @throws {ClientError} when it is refused, or is not done in time
 */
export async function askFamily<Result>(
  client: Client,
  about: FamilyAbout,
  update: string,
  argument: unknown,
  answerSeconds: number,
): Promise<Result> {
  const { accountId, family, patience: { take = 15, answer = answerSeconds } = {} } = about;
  const workflowId = familyWorkflowId(accountId, family);
  const asked = await taken<Result>(client, about, update, argument, take);
  try {
    return await within(client, answer, () => asked.result());
  } catch (error) {
    if (isUnanswered(error)) throw await stillAtIt(client, workflowId, update, answer);
    if (!(error instanceof WorkflowUpdateFailedError)) throw error;
    const { cause } = error;
    const [details] = (cause instanceof ApplicationFailure ? (cause.details ?? []) : []) as [{ advice?: string }?];
    const message = [cause?.message ?? error.message, details?.advice].filter(Boolean).join('\n');
    throw new ClientError(message, exitCodes.buildFailed);
  }
}

/** Sends the update until it is taken. A workflow whose task queue has no worker any more goes on on ours. */
async function taken<Result>(
  client: Client,
  { accountId, family, taskQueue = process.env.CVM_IMAGE_TASK_QUEUE ?? defaultTaskQueue }: FamilyAbout,
  update: string,
  argument: unknown,
  seconds: number,
): Promise<WorkflowUpdateHandle<Result>> {
  const workflowId = familyWorkflowId(accountId, family);
  const updateId = randomUUID();
  for (;;) {
    const before = await describeRun(client, workflowId);
    const startWorkflowOperation = new WithStartWorkflowOperation(familyWorkflowType, {
      workflowId,
      taskQueue,
      args: [{ accountId, family, ...leftBy(before) }],
      workflowIdConflictPolicy: 'USE_EXISTING',
      staticSummary: `Image family ${family} of account ${accountId}`,
    });
    try {
      const definition = { type: 'update', name: update } as UpdateDefinition<Result, [unknown]>;
      return await within(client, seconds, () =>
        client.workflow.startUpdateWithStart(definition, {
          startWorkflowOperation,
          updateId,
          args: [argument],
          waitForStage: 'ACCEPTED',
        }),
      );
    } catch (error) {
      if (!isUnanswered(error)) throw error;
      if (before && (await takenOver(client, before, taskQueue))) continue;
      throw new NoWorkerError(
        [
          `${workflowId}, which does that, did not take it within ${seconds} s: no worker of its task queue ${before?.taskQueue ?? taskQueue} answers.`,
          `Start one (cvm-image worker), or look at the log of the one that runs. It may still be done when one comes: see cvm-image family show ${family}.`,
        ].join('\n'),
      );
    }
  }
}

/** What only the workflow knows. One that is running may be ended by somebody else before we ask. */
const leftBy = (before: WorkflowExecutionDescription | undefined): FamilyState =>
  (before?.memo?.[familyMemo] as FamilyState | undefined) ?? {};

/** Ends the one that nobody works for any more, on another task queue than ours: the next one goes on from its memo. */
async function takenOver(client: Client, before: WorkflowExecutionDescription, ours: string): Promise<boolean> {
  const { workflowId, runId, status, taskQueue } = before;
  if (status.name !== 'RUNNING' || taskQueue === ours) return false;
  const living = (await pollersOf(client, taskQueue)).some(({ secondsAgo }) => secondsAgo < livingSeconds);
  if (living) return false;
  await client.workflow.getHandle(workflowId, runId).terminate(`goes on on the task queue ${ours}`);
  return true;
}

/** It goes on though nobody waits for it any more. */
async function stillAtIt(client: Client, workflowId: string, update: string, seconds: number): Promise<ClientError> {
  const now = await within(client, 5, () => client.workflow.getHandle(workflowId).query(familyQuery)).catch(
    () => undefined,
  );
  const doing = now?.doing === undefined ? '' : ` It is at: ${now.doing}.`;
  return new ClientError(
    [
      `${workflowId} has taken the request (${update}), and has not done it within ${seconds} s.${doing}`,
      `It goes on by itself: one thing comes after the other there. See cvm-image family show, and the workflow in the Web UI for what holds it up.`,
    ].join('\n'),
    exitCodes.buildFailed,
  );
}

const within = <T>(client: Client, seconds: number, ask: () => Promise<T>): Promise<T> =>
  client.withDeadline(Date.now() + seconds * 1000, ask);

const isUnanswered = (error: unknown) =>
  error instanceof WorkflowUpdateRPCTimeoutOrCancelledError ||
  isGrpcDeadlineError(error) ||
  isGrpcCancelledError(error);
