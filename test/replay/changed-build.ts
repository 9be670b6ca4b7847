import { proxyActivities } from '@temporalio/workflow';

interface Activities {
  checkQuota(input: unknown): Promise<unknown>;
  inspectSource(input: unknown): Promise<unknown>;
}

/** The build with its first two steps swapped: a change that old histories must not survive unnoticed. */
export async function buildImage(): Promise<void> {
  const activities = proxyActivities<Activities>({ startToCloseTimeout: '1 minute' });
  await activities.checkQuota({});
  await activities.inspectSource({});
}
