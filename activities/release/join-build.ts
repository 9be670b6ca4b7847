import { Context } from '@temporalio/activity';
import { WorkflowFailedError, WorkflowNotFoundError, type WorkflowExecutionDescription } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import { type BuildResult, type ReleaseActivities, searchAttributes, specHashMemo } from '../../contract';
import { whileBeating } from '../engine/step';
import { finalFailure } from '../engine/failures';
import { whenTold } from '../engine/when-told';

/**
 * Joins a build that is at work already, by the rule of the command: the same spec is joined, another one is refused. One
 * that is being undone makes no image; its end is waited for, and then a new one can be started.
 *
 * Temporal has no conflict policy for child workflows, so this activity is what stands in for it. It only looks.
 */
export const joinBuild = (): ReleaseActivities['joinBuild'] => async (input) => {
  const waitingFor = `the build that is at work: ${input.workflowId}`;
  return whileBeating(
    () => ({ waitingFor }),
    () => join(input),
  );
};

async function join({
  workflowId,
  specHash,
}: Parameters<ReleaseActivities['joinBuild']>[0]): Promise<{ result?: BuildResult | undefined }> {
  const { client } = Context.current();
  const current = await client.workflow
    .getHandle(workflowId)
    .describe()
    .catch((error: unknown) => {
      if (error instanceof WorkflowNotFoundError) return undefined;
      throw error;
    });
  if (!current || !isOpen(current)) return {};
  const ours = current.memo?.[specHashMemo] === specHash;
  const undoing = isBeingUndone(current);
  if (!ours && !undoing) {
    throw finalFailure('BuildInProgress', `another build of the source is at work: ${workflowId}`, {
      advice: `Wait for its end (cvm-image watch ${workflowId}) or cancel it, then have this stage tried again.`,
    });
  }
  try {
    const result = (await whenTold(() => client.workflow.getHandle(workflowId, current.runId).result())) as BuildResult;
    return ours && !undoing ? { result } : {};
  } catch (error) {
    if (!(error instanceof WorkflowFailedError)) throw error;
    // Cancelled or terminated, it leaves the way free; its own failure is ours, too.
    if (!ours || undoing || !(error.cause instanceof ApplicationFailure)) return {};
    const { type, message, details } = error.cause;
    throw ApplicationFailure.create({
      type: type ?? 'BuildFailed',
      message,
      nonRetryable: true,
      ...(details ? { details } : {}),
    });
  }
}

const isOpen = ({ status }: WorkflowExecutionDescription) => ['RUNNING', 'PAUSED'].includes(status.name);

const isBeingUndone = ({ raw, typedSearchAttributes }: WorkflowExecutionDescription) =>
  raw.workflowExtendedInfo?.cancelRequested === true ||
  typedSearchAttributes.get(searchAttributes.BuildPhase) === 'undoing';
