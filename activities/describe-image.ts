import { Context } from '@temporalio/activity';
import { WorkflowNotFoundError } from '@temporalio/client';
import {
  buildIdOf,
  buildWorkflowId,
  type ImageActivities,
  type ImageDetails,
  type ImageSnapshot,
  instanceIdOf,
  type Maker,
  tagKeys,
} from '../contract';
import type { Image, Snapshot } from './cloud/cloud';
import { accountsSharedWith, instancesOfImage, snapshotsByTag } from './cloud/images';
import { familyImage } from './cloud/release-tags';
import type { StepRun } from './engine/run';
import { step } from './engine/step';
import { findImage, nonEmpty, summaryOf } from './find-image';

type Input = Parameters<ImageActivities['describeImage']>[0];

/** Tells everything about one custom image: where it comes from, what belongs to it, who uses it. Changes nothing. */
export const describeImage = step<Input, ImageDetails>('before changes', async (run, { image }) =>
  detailsOf(run, await findImage(run, image)),
);

/**
 * Everything about an image of the account's own.
 *
 * @throws NotCustom for public images, and those that others share with the account
 */
export async function detailsOf(run: StepRun, image: Image): Promise<ImageDetails> {
  const imageId = image.ImageId!;
  if (image.ImageType !== 'PRIVATE_IMAGE') {
    throw run.refusal('NotCustom', `${imageId} is no custom image of this account (${image.ImageType ?? 'unknown'})`);
  }
  const summary = summaryOf(run, image);
  const { madeBy } = summary;
  const [sharedWith, instances, bound, ofBuild, buildIsOpen] = await Promise.all([
    run.patiently(`shares of ${imageId}`, () => accountsSharedWith(run.cloud, imageId)),
    run.patiently(`instances of ${imageId}`, () => instancesOfImage(run.cloud, imageId)),
    boundSnapshots(run, image),
    madeBy ? snapshotsOfBuild(run, madeBy) : [],
    madeBy?.ours ? isBuildOpen(run, madeBy.buildId) : false,
  ]);
  const release = familyImage(run, undefined, image);
  const inImage = new Set(bound.map(({ snapshotId }) => snapshotId));
  return {
    ...summary,
    sharedWith,
    description: nonEmpty(image.ImageDescription),
    osName: image.OsName,
    platform: image.Platform,
    architecture: image.Architecture,
    source: image.ImageSource,
    deprecated: image.ImageDeprecated === true,
    sourceInstanceId: madeBy && instanceIdOf(madeBy.buildId),
    buildIsOpen,
    ...(release?.state === 'current' ? { currentOf: release.family } : {}),
    snapshots: bound,
    buildSnapshots: ofBuild
      .filter(({ SnapshotId }) => !inImage.has(SnapshotId!))
      .map((snapshot) => snapshotFacts(snapshot, imageId)),
    instances: instances.map(({ InstanceId, InstanceName, InstanceState }) => ({
      instanceId: InstanceId!,
      name: InstanceName ?? '',
      state: InstanceState ?? 'unknown',
    })),
  };
}

/** The snapshots that a build took, by its tag. Whoever made the tag up, what does not bear a build's name is not of it. */
export async function snapshotsOfBuild(run: StepRun, { installation, buildId }: Maker): Promise<Snapshot[]> {
  const tagged = await run.patiently(`snapshots of build ${buildId}`, () =>
    snapshotsByTag(run.cloud, tagKeys.build, `${installation}/${buildId}`),
  );
  return tagged.filter(({ SnapshotName }) => SnapshotName?.startsWith(`cib-${buildId}-`) === true);
}

/** The snapshots that the image itself lists; one that cannot be seen in CBS is listed with what the image says of it. */
async function boundSnapshots(run: StepRun, image: Image): Promise<ImageSnapshot[]> {
  return Promise.all(
    (image.SnapshotSet ?? []).map(async ({ SnapshotId, DiskUsage, DiskSize }): Promise<ImageSnapshot> => {
      const seen = await run.patiently(`snapshots of ${image.ImageId!}`, () => run.cloud.snapshots.look(SnapshotId!));
      if (seen) return snapshotFacts(seen, image.ImageId!);
      const usage = DiskUsage as ImageSnapshot['usage'];
      return { snapshotId: SnapshotId!, usage, size: DiskSize!, otherImages: [], sharedWith: 0 };
    }),
  );
}

function snapshotFacts(snapshot: Snapshot, imageId: string): ImageSnapshot {
  return {
    snapshotId: snapshot.SnapshotId!,
    usage: snapshot.DiskUsage as ImageSnapshot['usage'],
    size: snapshot.DiskSize ?? 0,
    diskId: snapshot.DiskId,
    state: snapshot.SnapshotState,
    otherImages: (snapshot.Images ?? []).map(({ ImageId }) => ImageId!).filter((id) => id !== imageId),
    sharedWith: snapshot.ShareReference ?? 0,
  };
}

/**
 * Whether the build has an open run. Its workflow is found by the source instance: the workflow ID is the build's lock.
 * Asked of the history service and not of the visibility index, which is late.
 */
async function isBuildOpen(run: StepRun, buildId: string): Promise<boolean> {
  const instanceId = instanceIdOf(buildId);
  if (instanceId === undefined) return false;
  const { client } = Context.current();
  try {
    const { status, runId, raw } = await client.workflow
      .getHandle(buildWorkflowId(run.build.region, instanceId))
      .describe();
    const first = raw.workflowExecutionInfo?.firstRunId ?? '';
    return ['RUNNING', 'PAUSED'].includes(status.name) && buildIdOf(instanceId, first || runId) === buildId;
  } catch (error) {
    // A history that is over for longer than the namespace keeps it.
    if (error instanceof WorkflowNotFoundError) return false;
    throw error;
  }
}
