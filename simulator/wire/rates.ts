import { ApiError } from './errors';
import { type ServiceName } from './schema';

const cvmPerSecond: Readonly<Record<string, number>> = {
  DescribeInstances: 40,
  DescribeInstancesStatus: 40,
  DescribeImages: 40,
  DescribeZoneInstanceConfigInfos: 40,
  DescribeZones: 20,
  DescribeRegions: 20,
};
const perSecond: Readonly<Record<ServiceName, number>> = { cvm: 10, cbs: 20, vpc: 100, sts: 100, tag: 20 };

/** The published requests per second of an action, for one account in one region. */
export function publishedRate(service: ServiceName, action: string): number {
  return (service === 'cvm' ? cvmPerSecond[action] : undefined) ?? perSecond[service];
}

/** Counts the requests of the last second for each account, region and action, and refuses what exceeds the limit. */
export class Rates {
  private readonly recent = new Map<string, number[]>();

  constructor(private readonly scale: number) {}

  /** Throws RequestLimitExceeded; a refused request does not count itself. */
  take(account: string, region: string, service: ServiceName, action: string, now: number): void {
    if (this.scale === 0) return;
    const limit = Math.max(1, Math.round(publishedRate(service, action) * this.scale));
    const key = `${account}/${region}/${action}`;
    const times = (this.recent.get(key) ?? []).filter((time) => time > now - 1000);
    this.recent.set(key, times);
    if (times.length >= limit) {
      throw new ApiError(
        'RequestLimitExceeded',
        `Your current request times equals to \`${limit + 1}\` in a second, which exceeds the frequency limit \`${limit}\` for a second. Please reduce the frequency of calls.`,
      );
    }
    times.push(now);
  }
}
