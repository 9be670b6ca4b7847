import type { Client } from '@temporalio/client';
import { WorkflowNotFoundError } from '@temporalio/common';
import { buildWorkflowId } from '../../contract';
import { listBuilds } from '../../client';
import type { Stack } from '../stack/stack';
import type { DemoSimulator } from './simulator';
import { freshContent, source } from './source';

/**
 * Prepares the cloud for a build from the beginning: as it was at first, with data on the source's disks that nobody has
 * seen before. A build that is unfinished is left as it is.
 *
 * @returns whether there is an unfinished build to go on with
 */
export async function begin(client: Client, simulator: DemoSimulator, stack: Stack): Promise<boolean> {
  if (await isUnfinished(client)) return true;
  // The cloud of `npm run dev` is the user's own: what was built there stays.
  const mayReset = stack.startedBy === 'demo' && !(await somethingIsBuilt(client));
  if (mayReset) await simulator.reset();
  for (const diskId of source.dataDisks) await simulator.write(diskId, freshContent(diskId));
  return false;
}

async function isUnfinished(client: Client): Promise<boolean> {
  try {
    const handle = client.workflow.getHandle(buildWorkflowId(source.region, source.instanceId));
    return (await handle.describe()).status.name === 'RUNNING';
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return false;
    throw error;
  }
}

const somethingIsBuilt = async (client: Client) =>
  (await listBuilds(client, { limit: 1 })).some(({ status }) => status === 'running');
