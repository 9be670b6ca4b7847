import type { BuildFailure, SpecProblem } from '../contract';
import { exitCodes, type ExitCode } from './exit-codes';

/** An error that is told to people as it is, without a stack trace. */
export class ClientError extends Error {
  override readonly name: string = 'ClientError';

  constructor(
    message: string,
    readonly exitCode: ExitCode = exitCodes.wrongUse,
  ) {
    super(message);
  }
}

/** The spec is wrong; every problem at once. */
export class SpecError extends ClientError {
  override readonly name = 'SpecError';

  constructor(
    readonly problems: SpecProblem[],
    message: string,
  ) {
    super(message);
  }
}

/** Temporal does not answer, or does not let us in. */
export class UnreachableError extends ClientError {
  override readonly name = 'UnreachableError';

  constructor(message: string) {
    super(message, exitCodes.unreachable);
  }
}

/** A build of the same instance with another spec is running; the workflow ID is the lock. */
export class ConflictError extends ClientError {
  override readonly name = 'ConflictError';

  constructor(
    message: string,
    /** The build or sweep that is running. */
    readonly running: { workflowId: string; runId: string },
  ) {
    super(message);
  }
}

/** There is no such build. */
export class BuildNotFoundError extends ClientError {
  override readonly name = 'BuildNotFoundError';
}

/** Thrown by `BuildHandle.result()` when a build ended without an image, or without all that was asked for. */
export class BuildFailedError extends ClientError {
  override readonly name = 'BuildFailedError';

  constructor(
    readonly status: 'failed' | 'cancelled' | 'terminated' | 'timed-out',
    readonly failure: BuildFailure<string>,
  ) {
    super(failure.message, status === 'cancelled' ? exitCodes.cancelled : exitCodes.buildFailed);
  }
}
