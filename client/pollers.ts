import type { Client } from '@temporalio/client';
import { optionalTsToDate } from '@temporalio/common/lib/time';

/** A process that takes work from a task queue, as the Temporal server saw it. */
export interface Poller {
  /** pid@host, unless the worker was given a name. */
  identity: string;
  /** Since it last asked for work; one that lives asks at least once a minute. */
  secondsAgo: number;
  /** Build ID, where workers are versioned. */
  build?: string;
}

type TaskQueueType = NonNullable<Parameters<Client['workflowService']['describeTaskQueue']>[0]['taskQueueType']>;
/** Numbers of temporal.api.enums.v1.TaskQueueType, which the client package does not export: workflow, activity. */
const types = [1, 2] as unknown as TaskQueueType[];

/** Those that asked for work within the last minutes, the latest first. The server forgets a dead worker only after about five. */
export async function pollersOf(client: Client, taskQueue: string): Promise<Poller[]> {
  const found = new Map<string, Poller>();
  const now = Date.now();
  for (const taskQueueType of types) {
    const { pollers } = await client.workflowService.describeTaskQueue({
      namespace: client.options.namespace,
      taskQueue: { name: taskQueue },
      taskQueueType,
    });
    for (const { identity, lastAccessTime, deploymentOptions } of pollers) {
      const seen = optionalTsToDate(lastAccessTime)?.getTime() ?? 0;
      const secondsAgo = Math.max(0, (now - seen) / 1000);
      const known = found.get(identity ?? '');
      if (known && known.secondsAgo <= secondsAgo) continue;
      const build = deploymentOptions?.buildId;
      found.set(identity ?? '', { identity: identity ?? 'unnamed', secondsAgo, ...(build ? { build } : {}) });
    }
  }
  return [...found.values()].sort((a, b) => a.secondsAgo - b.secondsAgo);
}
