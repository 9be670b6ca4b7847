import { ApplicationFailure, patched, workflowInfo } from '@temporalio/workflow';
import {
  checkPipeline,
  type FoundSource,
  goldenImageWorkflowId,
  type Pipeline,
  type PipelineInput,
  pipelineName,
  type Release,
  type ReleaseOutcome,
  type ReleaseRequest,
  releaseStageNames,
  searchAttributes,
} from '../contract';
import { accepted } from './checked-spec';
import { buildCandidate } from './release/build';
import { lookForChange, rememberSource } from './release/change';
import { distribute } from './release/distribute';
import { promote } from './release/promote';
import { ReleaseRun } from './release/release';
import { retire } from './release/retire';
import { testCandidate } from './release/test';

/** Patch: a release that could not retire what is to go leaves nothing to compare with, either. */
const remembersWhenRetired = 'remembers-when-retired';

/**
 * Makes the next release of an image family: build, test, approve, promote, retire, in this order and never another.
 *
 * A stage that is refused is held and tried again alone. An image that was built and does not become the current one is
 * rejected, and deleted after a while; what was current stays current. Where nothing has changed since the last release (and
 * the pipeline says so), nothing is touched. Answers the manifest of the release.
 *
 * Fails with an ApplicationFailure whose type is the cloud's own code or `CandidateRejected`, and whose first detail is a
 * `BuildFailure` with the manifest.
 */
export async function goldenImage(input: PipelineInput, request: ReleaseRequest = {}): Promise<Release> {
  const pipeline = accepted(checkPipeline(input));
  checkLock(pipeline);
  checkDate(request);
  const run = new ReleaseRun(pipeline, request);
  return run.run(() => story(run));
}

/** The workflow ID is the lock of the pipeline: a run that was started under another one would not be held off by it. */
function checkLock(pipeline: Pipeline): void {
  const { workflowId } = workflowInfo();
  const lock = goldenImageWorkflowId(pipeline.region, pipelineName(pipeline));
  if (workflowId === lock) return;
  throw ApplicationFailure.create({
    type: 'WrongWorkflowId',
    message: `A run of this pipeline must have the workflow ID ${lock}, not ${workflowId}: the ID is what keeps two runs apart.`,
    nonRetryable: true,
  });
}

/** Whoever starts a run from a program may say anything; what cannot be read would fail the workflow's tasks for ever. */
function checkDate({ nominalAt }: ReleaseRequest): void {
  if (nominalAt === undefined || !Number.isNaN(Date.parse(nominalAt))) return;
  throw ApplicationFailure.create({
    type: 'BadRequest',
    message: `nominalAt: expected a time such as 2026-11-05T02:00:00Z, not ${JSON.stringify(nominalAt)}`,
    nonRetryable: true,
  });
}

async function story(run: ReleaseRun): Promise<ReleaseOutcome> {
  const { source, change } = await run.stage('findSource', async () => {
    const source = await findSource(run);
    return { source, change: await lookForChange(run, source.instanceId) };
  });
  if (change?.since && run.request.force !== true) return unchanged(run, change.story);
  const built = await run.stage('build', () => buildCandidate(run, source));

  // What a retry amends counts from its stage on, so each stage asks the pipeline as it is then.
  if (!run.pipeline.test) run.skip('test');
  else await run.stage('test', () => testCandidate(run, run.pipeline.test!, built));

  if (!run.pipeline.approve) run.skip('approve');
  else await run.stage('approve', () => run.approval.wait(run, run.pipeline.approve!, built.image.imageId));

  await run.stage('promote', () => promote(run, built.image));
  const { distribute: places } = run.pipeline;
  if (!places) run.skip('distribute');
  const everywhere = !places || (await distribute(run, places));
  // Only of a release that is all done: after one that is not, the next run is to build.
  const remembers = everywhere && change !== undefined;
  const whenRetired = remembers && patched(remembersWhenRetired);
  if (remembers && !whenRetired) await rememberSource(run, built, change);
  await run.stage('retire', () => retire(run));
  if (whenRetired) await rememberSource(run, built, change);
  return everywhere ? 'released' : 'partial';
}

/** Nothing was touched, and nothing will be. */
function unchanged(run: ReleaseRun, story: string): ReleaseOutcome {
  for (const stage of releaseStageNames.filter((name) => name !== 'findSource')) run.skip(stage);
  run.manifest.reason = story;
  return 'unchanged';
}

async function findSource(run: ReleaseRun): Promise<FoundSource> {
  const { source, notify, deadlines } = run.pipeline;
  const what = 'instanceId' in source ? source.instanceId : `the instance tagged ${source.tag.key}=${source.tag.value}`;
  const found = await run.activities(what, deadlines.findSource).findSource({
    build: run.ref,
    source,
    ...(notify === undefined ? {} : { notify }),
  });
  const { instanceId, name, accountId } = found;
  run.ref = { ...run.ref, accountId };
  run.manifest.accountId = accountId;
  run.manifest.source = { instanceId, name };
  run.journal.phase('checking', [{ key: searchAttributes.SourceInstanceId, value: instanceId }]);
  run.journal.note('findSource', name, [instanceId]);
  return found;
}
