import type { Client } from '@temporalio/client';
import { startBuild } from '../../client';
import { untilTrue } from '../../dev/until';

/** Starts so many builds that no worker ever takes up, each of an instance of its own, and waits until all can be listed. */
export async function startManyBuilds(client: Client, count: number): Promise<void> {
  const started = new Set<Promise<unknown>>();
  for (let index = 0; index < count; index += 1) {
    const instanceId = `ins-${String(index).padStart(8, '0')}`;
    const image = { name: `web-${index}-{date}`, family: 'web' };
    const one = startBuild(client, { region: 'ap-guangzhou', instanceId, image }, { taskQueue: 'nobody' });
    started.add(one);
    void one.finally(() => started.delete(one)).catch(() => undefined);
    if (started.size >= 20) await Promise.race(started);
  }
  await Promise.all(started);
  const listed = async () => (await client.workflow.count()).count >= count;
  if (!(await untilTrue(listed, 60_000))) throw new Error(`not all of ${count} builds can be listed after a minute`);
}
