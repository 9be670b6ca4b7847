import { Context } from '@temporalio/activity';
import {
  isGrpcCancelledError,
  isGrpcDeadlineError,
  WorkflowUpdateRPCTimeoutOrCancelledError,
} from '@temporalio/client';

/** How long one question to the Temporal server waits for its answer, in milliseconds; then it is asked again. */
const questionMs = 20_000;

/**
 * Waits for what the Temporal server tells when it has happened: the end of a workflow, the result of an update. A cancellation
 * of the activity ends the wait at once.
 *
 * The connection of a worker takes no AbortSignal (SDK 1.24: `withAbortSignal` changes nothing there), so the wait is left
 * rather than aborted; the deadline sees to it that nothing goes on asking behind its back.
 *
 * @param ask may be called again: it must only look, or do something once however often it is asked
 */
export async function whenTold<T>(ask: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await within(questionMs, ask);
    } catch (error) {
      if (!isUnanswered(error)) throw error;
    }
  }
}

/** Asks the Temporal server something for so many milliseconds at most. A cancellation of the activity ends it at once. */
export async function within<T>(milliseconds: number, ask: () => Promise<T>): Promise<T> {
  const { client, cancelled, cancellationSignal } = Context.current();
  try {
    return await Promise.race([client.withDeadline(Date.now() + milliseconds, ask), cancelled]);
  } catch (error) {
    if (cancellationSignal.aborted) await cancelled;
    throw error;
  }
}

/** Whether the server has not answered in time; what was asked for may have been done all the same. */
export const isUnanswered = (error: unknown): boolean =>
  error instanceof WorkflowUpdateRPCTimeoutOrCancelledError ||
  isGrpcDeadlineError(error) ||
  isGrpcCancelledError(error);
