import { setTimeout as sleep } from 'node:timers/promises';
import {
  type Client,
  type WorkflowExecutionDescription,
  WorkflowFailedError,
  type WorkflowHandle,
  type WorkflowStartOptions,
} from '@temporalio/client';
import { ActivityFailure, TimeoutFailure } from '@temporalio/common';
import { ClientError } from './errors';
import { exitCodes } from './exit-codes';

/** How long a workflow may wait for a worker before nobody is taken to be there. */
const patienceMs = 8000;
/** Attempts of a workflow task after which a worker is taken to be unable to run it. */
const tries = 3;

/** No worker took the question up, or none that understands it. */
export class NoWorkerError extends ClientError {
  override readonly name = 'NoWorkerError';

  constructor(message: string) {
    super(message, exitCodes.buildFailed);
  }
}

/**
 * Runs a short workflow that only looks, and answers its result. One that no worker takes up is given up within seconds, and
 * terminated: it has changed nothing.
 *
 * @param limitSeconds how long the whole may take
 * @throws {NoWorkerError} when no worker polls the task queue, or none that knows the workflow
 */
export async function askWorker(
  client: Client,
  type: string,
  options: Omit<WorkflowStartOptions, 'workflowExecutionTimeout'>,
  limitSeconds: number,
): Promise<{ workflowId: string; runId: string; result: unknown }> {
  const handle = await client.workflow.start(type, { ...options, workflowExecutionTimeout: limitSeconds * 1000 });
  const { workflowId, firstExecutionRunId: runId } = handle;
  const done = new AbortController();
  const answer: Promise<unknown> = handle.result().finally(() => done.abort());
  try {
    return {
      workflowId,
      runId,
      result: await Promise.race([answer, missed(handle, type, options.taskQueue, done.signal)]),
    };
  } catch (error) {
    if (error instanceof NoWorkerError) await handle.terminate(error.message).catch(() => undefined);
    throw error instanceof WorkflowFailedError ? unanswered(error, type, limitSeconds) : error;
  } finally {
    done.abort();
    answer.catch(() => undefined);
  }
}

function unanswered({ cause }: WorkflowFailedError, type: string, limitSeconds: number): ClientError {
  if (cause instanceof TimeoutFailure) {
    return new NoWorkerError(`The worker did not answer ${type} within ${limitSeconds} s. Its log says more.`);
  }
  const reason = cause instanceof ActivityFailure ? cause.cause : cause;
  return new ClientError(reason?.message ?? `${type} ended without an answer`, exitCodes.buildFailed);
}

/** Rejects with a {@link NoWorkerError} once it is plain that no worker takes a workflow up; never resolves. */
export async function missed(
  handle: WorkflowHandle,
  type: string,
  taskQueue: string,
  signal: AbortSignal,
): Promise<never> {
  let waitingSince: number | undefined;
  while (!signal.aborted) {
    await sleep(250, undefined, { signal }).catch(() => undefined);
    const task = await pendingTask(handle);
    waitingSince = task?.waiting ? (waitingSince ?? Date.now()) : undefined;
    if ((task?.attempt ?? 0) >= tries) {
      throw new NoWorkerError(
        `The worker of task queue ${taskQueue} fails to run ${type}: it may be older than this command. Its log says more.`,
      );
    }
    if (waitingSince !== undefined && Date.now() - waitingSince > patienceMs) {
      throw new NoWorkerError(
        `No worker takes work from task queue ${taskQueue} (waited ${patienceMs / 1000} s). Start one: cvm-image worker; ` +
          'or name the queue of yours: --task-queue, CVM_IMAGE_TASK_QUEUE.',
      );
    }
  }
  return new Promise<never>(() => undefined);
}

/** Number of temporal.api.enums.v1.PendingWorkflowTaskState for one that no worker has begun. */
const scheduled = 1;

async function pendingTask(handle: WorkflowHandle): Promise<{ waiting: boolean; attempt: number } | undefined> {
  let run: WorkflowExecutionDescription;
  try {
    run = await handle.describe();
  } catch {
    // Told by the result, which fails likewise.
    return undefined;
  }
  const task = run.raw.pendingWorkflowTask;
  return task ? { waiting: Number(task.state) === scheduled, attempt: task.attempt ?? 1 } : undefined;
}
