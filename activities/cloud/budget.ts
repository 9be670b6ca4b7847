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

/** Keeps this process within its share of the account's request rates: calls over it queue instead of being refused. */
export class RequestBudget {
  private readonly queues = new Map<string, RateLimiterQueue>();

  /** @param share part of the published rates that this process may use, 0 to 1 */
  constructor(private readonly share: number) {}

  /** Waits until one more call of the action fits into the budget. */
  async take(action: string): Promise<void> {
    let queue = this.queues.get(action);
    if (!queue) {
      const points = Math.max(1, Math.floor((publishedRates[action] ?? 10) * this.share));
      queue = new RateLimiterQueue(new RateLimiterMemory({ points, duration: 1 }), { maxQueueSize: 10_000 });
      this.queues.set(action, queue);
    }
    await queue.removeTokens(1);
  }
}
