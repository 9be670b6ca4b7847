import { type Client, type WorkflowExecutionDescription, WorkflowNotFoundError } from '@temporalio/client';

/** A workflow that lives on and is asked by updates, as Temporal has it now; undefined when there is none. */
export async function entityNow(client: Client, workflowId: string): Promise<WorkflowExecutionDescription | undefined> {
  try {
    return await client.workflow.getHandle(workflowId).describe();
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return undefined;
    throw error;
  }
}

/** What one that did not come to its own end has left in its memo, for the next one to go on from. */
export function leftBy(before: WorkflowExecutionDescription | undefined, memo: string): object | undefined {
  if (!before || ['RUNNING', 'COMPLETED'].includes(before.status.name)) return undefined;
  return before.memo?.[memo] as object | undefined;
}

/** One that does not answer on another task queue than ours has no worker there any more: it is ended, and its memo read. */
export async function takenOver(client: Client, before: WorkflowExecutionDescription, ours: string): Promise<boolean> {
  if (before.status.name !== 'RUNNING' || before.taskQueue === ours) return false;
  try {
    const { workflowId, runId } = before;
    await client.workflow.getHandle(workflowId, runId).terminate(`goes on on the task queue ${ours}`);
    return true;
  } catch {
    return false;
  }
}
