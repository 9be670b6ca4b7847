import { ApplicationFailure, Context } from '@temporalio/activity';

/** The longest pause between two attempts, in seconds. */
const longestPause = 30;

/**
 * An activity whose failures are followed by ever longer pauses, from a second to half a minute, unless they are final or say
 * themselves when to come again. The retry policy has no such pauses: it meets what this cannot, the death of a worker, after
 * which nothing is to be waited for, be it the tenth in a row. Attempts that a death has ended count as well: Temporal does not
 * tell them apart.
 */
export const backingOff =
  <Input, Output>(activity: (input: Input) => Promise<Output>) =>
  async (input: Input): Promise<Output> => {
    const { info, cancellationSignal } = Context.current();
    try {
      return await activity(input);
    } catch (error) {
      const isWell =
        error instanceof ApplicationFailure && (error.nonRetryable === true || error.nextRetryDelay != null);
      if (cancellationSignal.aborted || isWell) throw error;
      const seconds = Math.min(2 ** (info.attempt - 1), longestPause);
      throw ApplicationFailure.fromError(error, { nextRetryDelay: seconds * 1000 });
    }
  };
