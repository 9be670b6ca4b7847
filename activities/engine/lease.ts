import { type Context } from '@temporalio/activity';
import { isGrpcServiceError } from '@temporalio/client';
import { encodeToPayloads } from '@temporalio/common/lib/internal-non-workflow';
import { setTimeout as sleep } from 'node:timers/promises';

/** gRPC's NOT_FOUND: what the server answers to the heartbeat of an attempt that is over. */
const notFound = 5;

/** This attempt of the activity is over in Temporal's eyes: another one may be at work. Nothing may be changed any more. */
export class LostLeaseError extends Error {
  override readonly name = 'LostLeaseError';
}

/**
 * The right to change the cloud: this attempt is the current one, as the Temporal server itself has lately said. A
 * worker that was frozen may wake up after another took over; it must notice before it acts, not after.
 */
export interface Lease {
  /**
   * Returns once the server has answered a heartbeat of this attempt so recently that no other attempt can have begun.
   *
   * @param details heartbeat details to record
   * @throws {LostLeaseError} when the attempt is over
   * @throws CancelledFailure when the activity is cancelled, paused or reset
   */
  confirm(details: unknown): Promise<void>;
}

/**
 * Seconds for which an answer of the server counts, at most: a quarter of the heartbeat timeout, which a spec may set to hours. A build
 * that is terminated is told nothing, and its last activity may go on for so long.
 */
export const longestLeaseSeconds = 5;

/** A lease that asks the Temporal server. `heartbeat()` returns nothing, the raw request is answered. */
export class ServerLease implements Lease {
  private confirmed: { monotonic: number; wall: number } | undefined;

  constructor(private readonly context: Context) {}

  async confirm(details: unknown): Promise<void> {
    const timeout = this.context.info.heartbeatTimeoutMs ?? 20_000;
    const lasts = Math.min(timeout / 4, longestLeaseSeconds * 1000);
    while (this.age() > lasts) {
      const asked = { monotonic: performance.now(), wall: Date.now() };
      if (await this.ask(details, lasts)) this.confirmed = asked;
    }
  }

  /**
   * Milliseconds since the last confirmation was asked for. Nobody can set the monotonic clock, but it may stand still while
   * the machine is suspended; the wall clock goes on then. The older of the two counts.
   */
  private age(): number {
    if (!this.confirmed) return Number.POSITIVE_INFINITY;
    return Math.max(performance.now() - this.confirmed.monotonic, Date.now() - this.confirmed.wall);
  }

  private async ask(details: unknown, patience: number): Promise<boolean> {
    const { client, info } = this.context;
    try {
      const payloads = (await encodeToPayloads(client.options.loadedDataConverter, details)) ?? [];
      // protobuf.js declares its promise as an intersection with the callback form; this is the promise.
      const answer = (await client.withDeadline(Date.now() + patience, () =>
        Promise.resolve(
          client.workflowService.recordActivityTaskHeartbeat({
            namespace: client.options.namespace,
            identity: client.options.identity,
            taskToken: info.taskToken,
            details: { payloads },
          }),
        ),
      )) as { cancelRequested?: boolean; activityPaused?: boolean; activityReset?: boolean };
      if (!answer.cancelRequested && !answer.activityPaused && !answer.activityReset) return true;
    } catch (error) {
      if (this.context.cancellationSignal.aborted) await this.context.cancelled;
      if (isGrpcServiceError(error) && (error.code as number) === notFound) {
        throw new LostLeaseError('another attempt of this activity has taken over; nothing was changed');
      }
      // Temporal is out of reach. That passes, or the attempt times out and another finds the server.
      await sleep(Math.min(patience, 1000), undefined, { signal: this.context.cancellationSignal }).catch(
        () => undefined,
      );
      if (!this.context.cancellationSignal.aborted) return false;
    }
    // The SDK learns of it with its own next heartbeat, and only then is the activity's end taken for a cancellation.
    this.context.heartbeat(details);
    return this.context.cancelled;
  }
}
