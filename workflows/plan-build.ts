import {
  ActivityCancellationType,
  isCancellation,
  proxyActivities,
  setCurrentDetails,
  workflowInfo,
} from '@temporalio/workflow';
import {
  buildIdOf,
  type BuildPlan,
  type BuildRef,
  type BuildSpec,
  type BuildSpecInput,
  expandImageName,
  type InspectionOutcome,
  type PlanActivities,
  plannedSteps,
  type PlanProblem,
  type QuotaFacts,
  type SourceFacts,
  type StepName,
} from '../contract';
import { checkedSpec } from './checked-spec';
import { stepFailure } from './failures';
import { planDetails } from './plan-details';
import { retry } from './retry';

/** A person waits for a plan: what does not answer within this time is a problem to be listed. */
const patience = '1 minute';

/**
 * Says what `buildImage` would do with this spec, and everything that it would be refused for. Changes nothing: it makes
 * the checks of a build, asks by DryRun where the API has one, and locks nothing.
 *
 * Fails only for a spec that is wrong (SpecInvalid); a build that would be refused is a plan with problems.
 */
export async function planBuild(input: BuildSpecInput): Promise<BuildPlan> {
  const spec = checkedSpec(input);
  const { region, instanceId, roleArn, image, method } = spec;
  const { firstExecutionRunId, startTime } = workflowInfo();
  const buildId = buildIdOf(instanceId, firstExecutionRunId);
  const build: BuildRef = { buildId, region, instanceId, reset: false, roleArn };
  const imageName = expandImageName(image.name, { startedAt: startTime, instanceId, family: image.family, buildId });

  const { source, busy, dryRuns, problems } = await inspect(build, spec, imageName);
  const plan: BuildPlan = { region, instanceId, imageName, method, source, busy, dryRuns, problems, steps: [] };
  // What the worker does not allow is not looked at any further.
  if (!problems.some(({ code }) => code === 'NotAllowed')) {
    const [quota, answer] = await Promise.all([
      checkQuota(build, imageName, problems),
      source && dryRunImage(build, spec, imageName, source, busy ?? unfit(problems)),
    ]);
    plan.quota = quota;
    if (answer) plan.dryRuns.push(answer.dryRun);
    if (answer?.problem) addNew(problems, answer.problem);
  }
  const full = problems.find(({ code }) => code === noRoom);
  // What waits for room, or makes some, is not refused for want of it.
  if (spec.room.whenFull !== 'fail') plan.problems = problems.filter(({ code }) => code !== noRoom);
  if (source) plan.steps = plannedSteps(spec, source, imageName, plan.quota, full?.message);
  setCurrentDetails(planDetails(plan));
  return plan;
}

/** The cloud's own code, which `checkQuota` uses as well. */
const noRoom = 'ImageQuotaLimitExceeded';

const activities = (summary: string) =>
  proxyActivities<PlanActivities>({
    summary,
    scheduleToCloseTimeout: patience,
    startToCloseTimeout: patience,
    heartbeatTimeout: '20 seconds',
    cancellationType: ActivityCancellationType.TRY_CANCEL,
    retry,
  });

async function inspect(build: BuildRef, spec: BuildSpec, imageName: string): Promise<InspectionOutcome> {
  try {
    const summary = `${build.instanceId} and what the spec asks for`;
    return await activities(summary).inspectForPlan({ build, spec, imageName });
  } catch (error) {
    return { dryRuns: [], problems: [asProblem('inspectSource', error)] };
  }
}

async function checkQuota(
  build: BuildRef,
  imageName: string,
  problems: PlanProblem[],
): Promise<QuotaFacts | undefined> {
  try {
    return await activities(`room for one more image in ${build.region}`).checkQuota({ build, imageName });
  } catch (error) {
    problems.push(asProblem('checkQuota', error));
    return undefined;
  }
}

type ImageAnswer = Awaited<ReturnType<PlanActivities['dryRunImage']>>;

async function dryRunImage(
  build: BuildRef,
  spec: BuildSpec,
  name: string,
  source: SourceFacts,
  hindrance: string | undefined,
): Promise<ImageAnswer> {
  if (hindrance !== undefined) return { dryRun: { action: 'CreateImage', answer: 'unasked', why: hindrance } };
  const { image, sysprep, method, dataDisks } = spec;
  const whole = method === 'instance' && dataDisks === 'include';
  try {
    const answer = await activities(`DryRun of CreateImage: ${name}`).dryRunImage({
      build,
      generation: 1,
      name,
      description: image.description,
      family: image.setImageFamily ? image.family : undefined,
      tags: image.tags,
      // Refused already where it is no Windows.
      sysprep: sysprep && source.windows,
      from: { kind: 'instance', dataDiskIds: whole ? source.dataDisks.map(({ diskId }) => diskId) : [] },
    });
    if (method === 'snapshots' && answer.dryRun.answer === 'accepted') {
      answer.dryRun.why = 'asked about the instance, since its snapshots do not exist yet';
    }
    return answer;
  } catch (error) {
    const problem = asProblem('createImage', error);
    return { dryRun: { action: 'CreateImage', answer: 'unasked', why: problem.message }, problem };
  }
}

/** A state in which the cloud would only say again that the instance is in it. */
const unfit = (problems: PlanProblem[]) => problems.find(({ code }) => code === 'InstanceState')?.message;

/** What an activity failed with, as a problem. */
function asProblem(step: StepName, error: unknown): PlanProblem {
  if (isCancellation(error)) throw error;
  const { code, message, advice, requestId } = stepFailure(error);
  // A step's deadline is the build's own; that of a plan cannot be set.
  return { step, code, message, ...(code === 'DeadlineExceeded' ? {} : { advice }), requestId };
}

/** A DryRun meets again what the checks have found, by the same code; but a missing permission is another for each action. */
function addNew(problems: PlanProblem[], problem: PlanProblem): void {
  const known = problems.some(({ code }) => code === problem.code && !code.includes('Unauthorized'));
  if (!known) problems.push(problem);
}
