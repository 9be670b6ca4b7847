import {
  ActivityFailure,
  ApplicationFailure,
  CancelledFailure,
  ChildWorkflowFailure,
  TerminatedFailure,
  TimeoutFailure,
} from '@temporalio/workflow';
import type { StepFailureDetails, WaitProgress } from '../contract';

/** A failed step in plain words. */
export interface StepFailure extends Partial<StepFailureDetails> {
  /** The cloud's own code, or one of ours. */
  code: string;
  message: string;
}

/** Reads what an activity, or the workflow itself, failed with. */
export function stepFailure(error: unknown): StepFailure {
  const cause = error instanceof ActivityFailure || error instanceof ChildWorkflowFailure ? error.cause : error;
  if (cause instanceof ApplicationFailure) {
    const [details] = (cause.details ?? []) as [Partial<StepFailureDetails> | undefined];
    return { ...details, code: cause.type ?? 'Error', message: cause.message };
  }
  if (cause instanceof TimeoutFailure) {
    // The server's own words name the kind of timeout only; what the last attempt said is in its cause.
    const last = cause.cause === undefined ? undefined : stepFailure(cause.cause);
    const beat = cause.lastHeartbeatDetails as Partial<WaitProgress> | null | undefined;
    const seen = beat?.waitingFor === undefined ? '; was a worker running?' : `; last seen: ${beat.waitingFor}`;
    const because = last ? `; last failure: ${last.message}` : seen;
    return {
      ...last,
      code: 'DeadlineExceeded',
      message: `not done within its deadline${because}`,
      advice:
        last?.advice ?? 'See that workers run and stay alive; give the step more time (deadlines) if it needs it.',
      untouched: false,
    };
  }
  if (cause instanceof TerminatedFailure) return { code: 'Terminated', message: cause.message };
  return { code: 'Error', message: error instanceof Error ? error.message : String(error) };
}

/** What an activity that was cancelled said it was waiting for. One that was between two attempts says nothing. */
export function waitOf(error: unknown): WaitProgress | undefined {
  const cause = error instanceof ActivityFailure ? error.cause : error;
  if (!(cause instanceof CancelledFailure)) return undefined;
  const [wait] = cause.details as [WaitProgress | undefined];
  return wait;
}

/** Refuses an update, in its validator: nothing of it enters the history. */
export function refuse(type: string, message: string): never {
  throw ApplicationFailure.create({ type, message, nonRetryable: true });
}
