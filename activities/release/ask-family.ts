import { Context } from '@temporalio/activity';
import { WithStartWorkflowOperation, WorkflowUpdateFailedError } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import { familyWorkflowId, familyWorkflowType, type ReleaseActivities } from '../../contract';
import { finalFailure } from '../engine/failures';
import { whileBeating } from '../engine/step';

/**
 * Asks the workflow of a family to do something, and waits until it has. A workflow cannot send another one an update; this
 * activity does it for a pipeline. The update's ID is the same in every attempt, so that it is done once.
 */
export const askFamily = (): ReleaseActivities['askFamily'] => async (input) => {
  const { build, family, update, updateId, argument } = input;
  const { client, info, cancellationSignal, cancelled } = Context.current();
  const { accountId } = build;
  if (accountId === undefined) throw finalFailure('NoAccount', 'the cloud account of the family is not known');
  const workflowId = familyWorkflowId(accountId, family);
  const ask = async () => {
    const start = new WithStartWorkflowOperation(familyWorkflowType, {
      workflowId,
      taskQueue: info.taskQueue,
      args: [{ accountId, family }],
      workflowIdConflictPolicy: 'USE_EXISTING',
      staticSummary: `Image family ${family} of account ${accountId}`,
      staticDetails: `Serialises what happens to the images of the family **${family}**: promote, roll back, retire.`,
    });
    return client.workflow.executeUpdateWithStart(update, {
      startWorkflowOperation: start,
      updateId,
      args: [argument],
    });
  };
  const waitingFor = `${update} of ${workflowId}`;
  try {
    return await whileBeating(
      () => ({ waitingFor }),
      () => client.withAbortSignal(cancellationSignal, ask),
    );
  } catch (error) {
    if (cancellationSignal.aborted) await cancelled;
    if (!(error instanceof WorkflowUpdateFailedError)) throw error;
    const { cause } = error;
    if (!(cause instanceof ApplicationFailure)) throw finalFailure('FamilyFailed', cause?.message ?? error.message);
    throw ApplicationFailure.create({
      type: cause.type ?? 'FamilyFailed',
      message: cause.message,
      nonRetryable: true,
      ...(cause.details ? { details: cause.details } : {}),
    });
  }
};
