import { RateLimiterMemory, RateLimiterQueue } from 'rate-limiter-flexible';

/** Published request rates a second, per account, region and action; anything else is taken to be 10. */
const publishedRates: Record<string, number> = {
  DescribeInstances: 40,
  DescribeInstancesStatus: 40,
  DescribeImages: 40,
  DescribeZones: 20,
  // Every CBS action.
  CreateSnapshot: 20,
  DescribeSnapshots: 20,
  DeleteSnapshots: 20,
  DescribeDisks: 20,
  TerminateDisks: 20,
};

/** Calls are let go in windows that are no shorter, in seconds: timers are no finer. */
const shortestWindow = 0.005;

/**
 * Keeps this process within its share of the account's request rates: calls over it queue instead of being refused. They are let go one by
 * one, evenly: what several workers let go in bursts would meet in one second of the cloud's, whose beginning nobody knows.
 */
export class RequestBudget {
  private readonly queues = new Map<string, RateLimiterQueue>();

  /** @param share part of the published rates that this process may use, 0 to 1 */
  constructor(private readonly share: number) {}

  /** Waits until one more call of the action fits into the budget. */
  async take(action: string): Promise<void> {
    let queue = this.queues.get(action);
    if (!queue) {
      const rate = (publishedRates[action] ?? 10) * this.share;
      const points = Math.max(1, Math.floor(rate * shortestWindow));
      const limiter = new RateLimiterMemory({ points, duration: points / rate });
      queue = new RateLimiterQueue(limiter, { maxQueueSize: 10_000 });
      this.queues.set(action, queue);
    }
    await queue.removeTokens(1);
  }
}
