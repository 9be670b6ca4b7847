import { ApplicationFailure } from '@temporalio/activity';
import type { DryRun, InspectionOutcome, PlanActivities, PlanProblem, StepFailureDetails, StepName } from '../contract';
import { step } from './engine/step';
import { inspection, instanceNow } from './inspect-source';
import { describeState, destinationOf, isBusy, isClaimed } from './source-instance';

type Input = Parameters<PlanActivities['inspectForPlan']>[0];

/**
 * The checks of `inspectSource`, for a plan: lists everything that a build would be refused for instead of ending with
 * the first, and does not wait for an instance that is starting, stopping or at work, but says that a build would.
 *
 * Changes nothing: CVM and CBS Describe…, RunInstances with DryRun.
 */
export const inspectForPlan = step<Input, InspectionOutcome>('before changes', async (run, input) => {
  let busy: string | undefined;
  const checks = inspection(run, input, async () => {
    const instance = await instanceNow(run, input.build.instanceId);
    if (isBusy(instance)) busy = describeState(instance);
    // What a build would find once it has waited.
    return { instance: { ...instance, InstanceState: destinationOf(instance) }, claimed: isClaimed(run, instance) };
  });
  const problems: PlanProblem[] = [];
  const outcome = (end: Pick<InspectionOutcome, 'source'> = {}): InspectionOutcome => ({
    ...end,
    ...(busy === undefined ? {} : { busy }),
    dryRuns: input.spec.launch && end.source ? [launchDryRun(problems)] : [],
    problems,
  });
  try {
    for (;;) {
      const next = await checks.next();
      if (next.done === true) return outcome({ source: next.value });
      problems.push(problemOf('inspectSource', next.value));
    }
  } catch (error) {
    problems.push(problemOf('inspectSource', error));
    return outcome();
  }
});

function launchDryRun(problems: PlanProblem[]): DryRun {
  const refused = problems.find(({ message }) => message.startsWith('RunInstances: '));
  return refused
    ? { action: 'RunInstances', answer: 'refused', why: refused.code }
    : { action: 'RunInstances', answer: 'accepted' };
}

/**
 * A refusal as a plan lists it.
 *
 * @throws what is no refusal: a cancellation, a lost lease
 */
export function problemOf(stepName: StepName, error: unknown): PlanProblem {
  if (!(error instanceof ApplicationFailure) || error.nonRetryable !== true) throw error;
  const [details] = (error.details ?? []) as [Partial<StepFailureDetails> | undefined];
  const { advice, requestId } = details ?? {};
  return {
    step: stepName,
    code: error.type ?? 'Error',
    message: error.message,
    // A step's deadline can be set; that of a plan's look cannot.
    ...(advice === undefined || error.type === 'DeadlineExceeded' ? {} : { advice }),
    ...(requestId === undefined ? {} : { requestId }),
  };
}
