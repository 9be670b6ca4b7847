import type { History } from '@temporalio/common/lib/proto-utils';

/**
 * A history of which a replay knows whose it is. One of a run that began with a reset still names the run before as the
 * one that it began with, and that is what the replayer takes for the run's own ID; a worker is told the right one.
 */
export function ofRun(history: History, runId: string): History {
  history.events![0]!.workflowExecutionStartedEventAttributes!.originalExecutionRunId = runId;
  return history;
}
