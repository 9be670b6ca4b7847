import type { Client, WorkflowHandle } from '@temporalio/client';
import assert from 'node:assert/strict';

type EventId = NonNullable<
  NonNullable<Awaited<ReturnType<WorkflowHandle['fetchHistory']>>['events']>[number]['eventId']
>;

/**
 * Resets the latest run of a workflow, as the Temporal UI does: what came after is forgotten. Answers the run after it.
 *
 * @param to the completed workflow task that is the last to stay; default: the first
 */
export async function resetRun(client: Client, workflowId: string, to?: EventId): Promise<WorkflowHandle> {
  const current = client.workflow.getHandle(workflowId);
  const { runId } = await current.describe();
  const answer = await client.workflowService.resetWorkflowExecution({
    namespace: client.options.namespace,
    workflowExecution: { workflowId, runId },
    reason: 'by hand',
    workflowTaskFinishEventId: to ?? (await firstTaskOf(current)),
    requestId: runId,
  });
  return client.workflow.getHandle(workflowId, answer.runId);
}

async function firstTaskOf(handle: WorkflowHandle): Promise<EventId> {
  const { events } = await handle.fetchHistory();
  const first = events?.find((event) => event.workflowTaskCompletedEventAttributes)?.eventId;
  assert.ok(first, 'a workflow task is completed');
  return first;
}
