import type { WorkflowHandle } from '@temporalio/client';
import { Worker } from '@temporalio/worker';
import { bundlePath } from './bare-worker';

/** What a workflow has done so far leads to the same when it is done once more. */
export const assertReplays = async (handle: WorkflowHandle): Promise<void> =>
  Worker.runReplayHistory({ workflowBundle: { codePath: bundlePath } }, await handle.fetchHistory(), handle.workflowId);
