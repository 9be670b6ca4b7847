import { Context } from '@temporalio/activity';
import { WithStartWorkflowOperation, WorkflowUpdateFailedError, type WorkflowUpdateHandle } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import { familyMemo, familyWorkflowId, familyWorkflowType, type ReleaseActivities } from '../../contract';
import { entityNow, entityTaskTimeout, leftBy, takenOver } from '../engine/entity';
import { finalFailure } from '../engine/failures';
import { whileBeating } from '../engine/step';
import { isUnanswered, whenTold, within } from '../engine/when-told';

type Input = Parameters<ReleaseActivities['askFamily']>[0];

/** How long its workflow may take to take the request before it is looked whether a worker is there, in milliseconds. */
const patienceMs = 10_000;

/**
 * Asks the workflow of a family to do something, and waits until it has. A workflow cannot send another one an update; this
 * activity does it for a pipeline. The update's ID is the same in every attempt, so that it is done once.
 */
export const askFamily = (): ReleaseActivities['askFamily'] => async (input) => {
  const { build, family, update } = input;
  const { accountId } = build;
  if (accountId === undefined) throw finalFailure('NoAccount', 'the cloud account of the family is not known');
  const waitingFor = `${update} of ${familyWorkflowId(accountId, family)}`;
  try {
    return await whileBeating(
      () => ({ waitingFor }),
      () => updateFamily(accountId, input),
    );
  } catch (error) {
    if (!(error instanceof WorkflowUpdateFailedError)) throw error;
    const { cause } = error;
    if (!(cause instanceof ApplicationFailure)) throw finalFailure('FamilyFailed', cause?.message ?? error.message);
    throw ApplicationFailure.create({
      type: cause.type ?? 'FamilyFailed',
      message: cause.message,
      // One that was ended by hand before it was done is asked for once more: of the next one.
      nonRetryable: cause.type !== 'AcceptedUpdateCompletedWorkflow',
      ...(cause.details ? { details: cause.details } : {}),
    });
  }
};

/** Has the workflow of a family do something, and waits until it has. */
export async function updateFamily(accountId: string, asking: Asking): Promise<unknown> {
  const asked = await ask(accountId, asking);
  return whenTold(() => asked.result());
}

type Asking = Pick<Input, 'family' | 'update' | 'updateId' | 'argument'>;

/**
 * Sends the update until somebody has taken it. A workflow whose task queue nobody polls any more is ended, and goes on on
 * ours: the tags are the truth, and what only it knew is in its memo.
 */
async function ask(
  accountId: string,
  { family, update, updateId, argument }: Asking,
): Promise<WorkflowUpdateHandle<unknown>> {
  const { client, info } = Context.current();
  const workflowId = familyWorkflowId(accountId, family);
  for (;;) {
    const before = await within(patienceMs, () => entityNow(client, workflowId));
    const startWorkflowOperation = new WithStartWorkflowOperation(familyWorkflowType, {
      workflowId,
      taskQueue: info.taskQueue,
      args: [{ accountId, family, ...leftBy(before, familyMemo) }],
      workflowIdConflictPolicy: 'USE_EXISTING',
      workflowTaskTimeout: entityTaskTimeout(info.heartbeatTimeoutMs ?? 0),
      staticSummary: `Image family ${family} of account ${accountId}`,
      staticDetails: `Serialises what happens to the images of the family **${family}**: promote, roll back, retire.`,
    });
    try {
      return await within(patienceMs, () =>
        client.workflow.startUpdateWithStart(update, {
          startWorkflowOperation,
          updateId,
          args: [argument],
          waitForStage: 'ACCEPTED',
        }),
      );
    } catch (error) {
      if (!isUnanswered(error)) throw error;
      if (before) await takenOver(client, before, info.taskQueue);
    }
  }
}
