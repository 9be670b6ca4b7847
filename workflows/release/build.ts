import {
  ApplicationFailure,
  CancelledFailure,
  ChildWorkflowCancellationType,
  ChildWorkflowFailure,
  executeChild,
  ParentClosePolicy,
} from '@temporalio/workflow';
import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import {
  type BuildFailure,
  type BuildResult,
  type BuildSpecInput,
  buildWorkflowId,
  buildWorkflowType,
  checkSpec,
  type FoundSource,
  imageNameMemo,
  searchAttributes,
  specHash,
  specHashMemo,
} from '../../contract';
import { accepted } from '../checked-spec';
import type { ReleaseRun } from './release';

/**
 * Builds the candidate: `buildImage` as a child, under its own workflow ID, which is the lock of the source. The image does
 * not become the family's by that: the cloud's ImageFamily is set when it is promoted. A build that fails has undone itself.
 */
export async function buildCandidate(run: ReleaseRun, source: FoundSource): Promise<BuildResult> {
  const imageName = await nameImage(run);
  run.journal.named(imageName);
  const spec = accepted(checkSpec(specOf(run, source, imageName)));
  const workflowId = buildWorkflowId(spec.region, spec.instanceId);
  run.journal.note('build', `${imageName}: ${workflowId}`);
  const hash = specHash(spec);
  const result = await started(run, { workflowId, imageName, hash, spec }).catch((error: unknown) => {
    learn(run, error, imageName);
    throw error;
  });
  const { image, snapshots } = result;
  run.manifest.build = { buildId: result.buildId, source: result.source };
  run.manifest.images.unshift({
    region: spec.region,
    imageId: image.imageId,
    name: image.name,
    state: 'candidate',
    size: image.size,
    snapshotIds: image.snapshotIds,
    snapshots,
  });
  run.journal.phase('building', [{ key: searchAttributes.ImageId, value: image.imageId }]);
  run.journal.note('build', `build ${result.buildId}`, [image.imageId]);
  return result;
}

async function nameImage(run: ReleaseRun): Promise<string> {
  const { family, image, deadlines } = run.pipeline;
  const { imageName } = await run
    .activities(`a name for the next image of ${family}`, deadlines.findSource)
    .nameRelease({
      build: run.ref,
      family,
      template: image.name,
      timeZone: image.timeZone,
      nominalAt: run.manifest.nominalAt,
    });
  return imageName;
}

function specOf(run: ReleaseRun, { instanceId }: FoundSource, imageName: string): BuildSpecInput {
  const { region, family, image, build, room, notify, roleArn } = run.pipeline;
  const { buildId: release, nominalAt } = run.manifest;
  return {
    region,
    instanceId,
    image: {
      name: imageName,
      family,
      // An image that is not tested must not be what the cloud answers for the family.
      setImageFamily: false,
      tags: image.tags,
      candidate: { family, release, nominalAt },
      ...(image.description === undefined ? {} : { description: image.description }),
    },
    ...build,
    room,
    // The run of the pipeline is what is held; the build undoes what it made.
    onFailure: 'cleanup',
    ...(notify === undefined ? {} : { notify }),
    ...(roleArn === undefined ? {} : { roleArn }),
  };
}

interface Child {
  workflowId: string;
  imageName: string;
  hash: string;
  spec: ReturnType<typeof specOf>;
}

/** Starts the build; one that is at work already is joined or waited for, by the rule of the command. */
async function started(run: ReleaseRun, { workflowId, imageName, hash, spec }: Child): Promise<BuildResult> {
  for (;;) {
    try {
      return await executeChild<(spec: BuildSpecInput) => Promise<BuildResult>>(buildWorkflowType, {
        workflowId,
        args: [spec],
        workflowIdReusePolicy: 'ALLOW_DUPLICATE',
        // A pipeline that is terminated still means that the source is started again.
        parentClosePolicy: ParentClosePolicy.REQUEST_CANCEL,
        cancellationType: ChildWorkflowCancellationType.WAIT_CANCELLATION_COMPLETED,
        memo: { [specHashMemo]: hash, [imageNameMemo]: imageName },
        typedSearchAttributes: [
          { key: searchAttributes.ImageRegion, value: spec.region },
          { key: searchAttributes.SourceInstanceId, value: spec.instanceId },
          { key: searchAttributes.ImageFamily, value: run.pipeline.family },
        ],
        staticSummary: `Image ${imageName} of ${spec.instanceId} (${spec.region})`,
        staticDetails: `Candidate of the family **${run.pipeline.family}**, by release \`${run.manifest.buildId}\`.`,
      });
    } catch (error) {
      if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
    }
    run.journal.note('build', `another build of the source is at work: ${workflowId}`);
    const { result } = await run
      .activities(`join ${workflowId}`, run.pipeline.deadlines.joinBuild)
      .joinBuild({ build: run.ref, workflowId, specHash: hash });
    if (result) return result;
  }
}

/** A build that failed or was cancelled when its image was usable already keeps it: it is a candidate to be rejected. */
function learn(run: ReleaseRun, error: unknown, name: string): void {
  const cause = error instanceof ChildWorkflowFailure ? error.cause : undefined;
  if (!(cause instanceof ApplicationFailure) && !(cause instanceof CancelledFailure)) return;
  const [report] = (cause.details ?? []) as [BuildFailure | undefined];
  const kept = (report?.resources ?? []).filter(({ type, fate }) => type === 'image' && fate === 'kept');
  for (const { id } of kept) {
    const { region } = run.pipeline;
    run.manifest.images.push({ region, imageId: id, name, state: 'candidate', snapshotIds: [], snapshots: [] });
  }
}
