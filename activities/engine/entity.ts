import { type Client, type WorkflowExecutionDescription, WorkflowNotFoundError } from '@temporalio/client';
import { optionalTsToDate } from '@temporalio/common/lib/time';
import { livingSeconds } from '../../contract';

/** A workflow that lives on and is asked by updates, as Temporal has it now; undefined when there is none. */
export async function entityNow(client: Client, workflowId: string): Promise<WorkflowExecutionDescription | undefined> {
  try {
    return await client.workflow.getHandle(workflowId).describe();
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return undefined;
    throw error;
  }
}

/**
 * How long such a workflow gives a worker for a task, in milliseconds. Everybody who asks it waits while the worker that has its task is
 * dead: that is noticed within half a heartbeat timeout, or Temporal's own ten seconds, if that is less. Not within less than five, for a
 * worker that is only busy would lose its task again and again, and Temporal waits ever longer before it hands out the next one.
 *
 * @param heartbeatMs heartbeat timeout of whoever asks
 */
export const entityTaskTimeout = (heartbeatMs: number): number => Math.min(10_000, Math.max(5000, heartbeatMs / 2));

/**
 * What one that has not come to its own end has in its memo, for the next one to go on from. One that is running is no
 * exception: somebody else may end it before we ask.
 */
export function leftBy(before: WorkflowExecutionDescription | undefined, memo: string): object | undefined {
  if (!before || before.status.name === 'COMPLETED') return undefined;
  return before.memo?.[memo] as object | undefined;
}

/**
 * Ends one that does not answer on another task queue than ours, when nobody asks for work there any more; its memo is for the
 * next one. One whose worker is only slow goes on.
 *
 * @param within how many seconds ago somebody may have asked for work and still be there
 */
export async function takenOver(
  client: Client,
  before: WorkflowExecutionDescription,
  ours: string,
  within = livingSeconds,
): Promise<boolean> {
  const { workflowId, runId, status, taskQueue } = before;
  if (status.name !== 'RUNNING' || taskQueue === ours) return false;
  try {
    return await client.withDeadline(Date.now() + questionMs, async () => {
      if (await isPolled(client, taskQueue, within)) return false;
      await client.workflow.getHandle(workflowId, runId).terminate(`goes on on the task queue ${ours}`);
      return true;
    });
  } catch {
    return false;
  }
}

/** How long the Temporal server may take to say whether a worker is there, in milliseconds; one that does not say ends nothing. */
const questionMs = 10_000;

type TaskQueueType = NonNullable<Parameters<Client['workflowService']['describeTaskQueue']>[0]['taskQueueType']>;
/** Number of temporal.api.enums.v1.TaskQueueType for workflow tasks, which the client package does not export. */
const workflowTasks = 1 as unknown as TaskQueueType;

/** Whether a worker has asked for workflow tasks of the task queue within so many seconds. */
async function isPolled(client: Client, taskQueue: string, seconds: number): Promise<boolean> {
  const { pollers } = await client.workflowService.describeTaskQueue({
    namespace: client.options.namespace,
    taskQueue: { name: taskQueue },
    taskQueueType: workflowTasks,
  });
  const since = Date.now() - seconds * 1000;
  return pollers.some(({ lastAccessTime }) => (optionalTsToDate(lastAccessTime)?.getTime() ?? 0) > since);
}
