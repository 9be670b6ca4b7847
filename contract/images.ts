import { duration, heartbeatTimeout } from './duration';
import type { LaunchInspection, LaunchPlan } from './launch';
import { once } from './once';
import type { Resource } from './resources';
import { regionSchema, roleArnSchema } from './spec';
import { checkAgainst, type SpecCheck } from './spec-errors';
import type { BuildRef, Disk } from './steps';
import { z } from './zod';

/** Names of the workflow types that only look: which images there are, and everything about one. */
export const listImagesWorkflowType = 'listImages';
export const describeImageWorkflowType = 'describeImage';
/** Name of the workflow type that deletes an image with its snapshots. */
export const deleteWorkflowType = 'deleteImage';

/** The workflow ID is the lock: one deletion of an image at a time. */
export const deleteWorkflowId = (region: string, imageId: string) => `delete-image/${region}/${imageId}`;

/** The ID of a deletion, such as `delete-5e8c0f9a1b2c`. */
export const deletionIdOf = (firstExecutionRunId: string) => `delete-${firstExecutionRunId.slice(-12)}`;

/** What the listing of images is asked. */
export const listImagesSchema = once(() =>
  z.strictObject({
    region: regionSchema(),
    /** Only images of this family. */
    family: z.string().min(1).optional(),
    /** Also whom each is shared with: one request an image. */
    shares: z.boolean().default(true),
    deadlines: z.strictObject({ listImages: duration(1).default(300), heartbeat: heartbeatTimeout() }).prefault({}),
    roleArn: roleArnSchema().optional(),
  }),
);
export type ListImagesInput = z.input<ReturnType<typeof listImagesSchema>>;

/** Which image is to be described. */
export const describeImageSchema = once(() =>
  z.strictObject({
    region: regionSchema(),
    /** ID of a custom image, its exact name, or `family:NAME` for the newest image of a family. */
    image: z.string().min(1).max(80),
    deadlines: z.strictObject({ describeImage: duration(1).default(300), heartbeat: heartbeatTimeout() }).prefault({}),
    roleArn: roleArnSchema().optional(),
  }),
);
export type DescribeImageInput = z.input<ReturnType<typeof describeImageSchema>>;

/** What a deletion is asked to do. */
export const deletionSpecSchema = once(() =>
  z.strictObject({
    region: regionSchema(),
    imageId: z.string().regex(/^img-[0-9a-z]{8}$/, { error: 'expected an ID such as img-1a2b3c4d' }),
    /** The snapshots that somebody has agreed to lose. When others would go too, nothing is deleted. */
    snapshotIds: z.array(z.string()).optional(),
    /** In seconds. */
    deadlines: z
      .strictObject({
        inspectDeletion: duration(1).default(600),
        deleteImage: duration(1).default(1800),
        /** How long it is tried to delete the snapshots of the deleted image, before what is left is listed. */
        deleteSnapshots: duration(1).default(86_400),
        heartbeat: heartbeatTimeout(),
      })
      .prefault({}),
    roleArn: roleArnSchema().optional(),
  }),
);
export type DeletionSpecInput = z.input<ReturnType<typeof deletionSpecSchema>>;
export type DeletionSpec = z.output<ReturnType<typeof deletionSpecSchema>>;

/** Checks and normalises the spec of a deletion. Never throws. */
export function checkDeletionSpec(input: unknown): SpecCheck<DeletionSpec> {
  return checkAgainst(deletionSpecSchema(), input);
}

/** The build that made a resource, out of the resource's tag. */
export interface Maker {
  installation: string;
  buildId: string;
  /** Whether it is a build of the worker's own installation. */
  ours: boolean;
}

/** A custom image, in a list. */
export interface ImageSummary {
  imageId: string;
  name: string;
  /** The cloud's own word: NORMAL, CREATING, CREATEFAILED, SYNCING, IMPORTING, IMPORTFAILED. */
  state: string;
  /** GiB. */
  size: number;
  family?: string | undefined;
  /** ISO 8601, UTC. */
  createdAt?: string | undefined;
  /** Absent when no build made it. */
  madeBy?: Maker | undefined;
  /** `pending` until its build is over the commit point, then `kept`; absent when no build made it. */
  fate?: string | undefined;
  /** Accounts that it is shared with; absent when nobody asked. */
  sharedWith?: string[] | undefined;
}

/** A snapshot that belongs to an image. */
export interface ImageSnapshot {
  snapshotId: string;
  usage: Disk['usage'];
  /** GiB. */
  size: number;
  diskId?: string | undefined;
  /** The cloud's own word; absent when the snapshot cannot be seen. */
  state?: string | undefined;
  /** Other images that hold it. */
  otherImages: string[];
  /** How many accounts it is shared with. */
  sharedWith: number;
}

/** Everything about one custom image. */
export interface ImageDetails extends ImageSummary {
  description?: string | undefined;
  osName?: string | undefined;
  platform?: string | undefined;
  architecture?: string | undefined;
  /** CREATE_IMAGE or EXTERNAL_IMPORT. */
  source?: string | undefined;
  deprecated: boolean;
  /** The instance that its build imaged, which may be gone by now. */
  sourceInstanceId?: string | undefined;
  /** The build that made it is still open in Temporal. */
  buildIsOpen: boolean;
  /** The family of a pipeline whose current image it is. */
  currentOf?: string | undefined;
  /** The snapshots bound to it. */
  snapshots: ImageSnapshot[];
  /** The other snapshots of its build: those of the data disks. */
  buildSnapshots: ImageSnapshot[];
  /** Instances of the region that were launched from it. */
  instances: { instanceId: string; name: string; state: string }[];
}

/** Why something is refused, and what to do about it. */
export interface Refusal {
  code: string;
  message: string;
  advice: string;
}

/** What goes when an image is deleted, and what stays. */
export interface DeletionPlan {
  imageId: string;
  name: string;
  /** The cloud account that it was looked at in: with another one's credentials everything would look as if it were gone. */
  accountId?: string | undefined;
  /** Value of the image's build tag: it is looked at again right before the deletion. */
  owner: string;
  /** First the image, then these. */
  snapshotIds: string[];
  /** Snapshots that something else needs. */
  stays: { snapshotId: string; why: string }[];
  /** With `unshares`: accounts that the image is shared with until then. */
  sharedWith?: string[] | undefined;
}

/** The steps of a deletion, in order. */
export const deletionStepNames = ['inspectDeletion', 'deleteImage', 'deleteSnapshots'] as const;
export type DeletionStepName = (typeof deletionStepNames)[number];

/** What a deletion removed. */
export interface DeletionResult {
  kind: 'delete';
  /** The deletion's own ID. */
  buildId: string;
  region: string;
  image: { imageId: string; name: string };
  steps: { step: DeletionStepName; seconds: number }[];
  /** What was deleted, and (`kept`) what stays because something else needs it. */
  resources: Resource[];
}

/**
 * What may go with an image, or why it may not be deleted. The client asks before it asks the user, the worker again
 * before it deletes.
 */
export function planDeletion(image: ImageDetails): { refusals: Refusal[]; plan: DeletionPlan } {
  const { imageId, name, madeBy } = image;
  const all = [...image.snapshots, ...image.buildSnapshots];
  const stays = all.flatMap(({ snapshotId, otherImages, sharedWith }) => {
    const why = [
      ...(otherImages.length > 0 ? [`held by image ${otherImages.join(', ')}`] : []),
      ...(sharedWith > 0 ? [`shared with ${sharedWith} accounts`] : []),
    ].join('; ');
    return why === '' ? [] : [{ snapshotId, why }];
  });
  const staying = new Set(stays.map(({ snapshotId }) => snapshotId));
  return {
    refusals: refusalsOf(image),
    plan: {
      imageId,
      name,
      owner: madeBy ? `${madeBy.installation}/${madeBy.buildId}` : '',
      snapshotIds: all.map(({ snapshotId }) => snapshotId).filter((id) => !staying.has(id)),
      stays,
    },
  };
}

function refusalsOf(image: ImageDetails): Refusal[] {
  const { imageId, name, madeBy, buildIsOpen, currentOf, instances, sharedWith = [] } = image;
  const what = `${imageId} (${name})`;
  if (!madeBy?.ours) {
    const whose = madeBy ? `belongs to the installation ${madeBy.installation}` : 'was not made by a build';
    return [
      {
        code: 'NotOurs',
        message: `${what} ${whose}: this installation deletes only what it made`,
        advice: madeBy ? 'Delete it with a worker of that installation.' : 'Delete it in the console, if it is to go.',
      },
    ];
  }
  const refusals: Refusal[] = [];
  if (buildIsOpen) {
    refusals.push({
      code: 'BuildIsOpen',
      message: `the build ${madeBy.buildId} that makes ${what} is still open`,
      advice: `Wait for its end, or cancel it: cvm-image cancel ${madeBy.buildId}`,
    });
  }
  if (currentOf !== undefined) {
    refusals.push({
      code: 'IsCurrent',
      message: `${what} is the current image of the family ${currentOf}, which would be left without one`,
      advice: `Make another one current first (cvm-image family rollback ${currentOf}, or its next release). The last of a family that is given up is deleted in the console.`,
    });
  }
  if (instances.length > 0) {
    const some = instances.slice(0, 5).map((one) => `${one.instanceId} (${one.name}, ${one.state})`);
    const more = instances.length > 5 ? ` and ${instances.length - 5} more` : '';
    refusals.push({
      code: 'ImageInUse',
      message: `${what} is in use by ${some.join(', ')}${more}`,
      advice: 'Terminate these instances, or reinstall them from another image.',
    });
  }
  if (sharedWith.length > 0) {
    refusals.push({
      code: 'InvalidImageId.InShared',
      message: `${what} is shared with ${sharedWith.join(', ')}`,
      advice: 'Stop sharing it first: CVM ModifyImageSharePermission with Permission CANCEL, or in the console.',
    });
  }
  return refusals;
}

/** The activities around images that exist already. All are safe to run twice. */
export interface ImageActivities {
  listImages(input: { build: BuildRef; family?: string | undefined; shares: boolean }): Promise<{
    images: ImageSummary[];
  }>;
  describeImage(input: { build: BuildRef; image: string }): Promise<ImageDetails>;
  inspectLaunch(input: LaunchInspection): Promise<LaunchPlan>;
  inspectDeletion(input: {
    build: BuildRef;
    imageId: string;
    snapshotIds?: string[] | undefined;
    /** It is unshared before it goes: that it is shared is no refusal. */
    unshares?: boolean | undefined;
  }): Promise<DeletionPlan>;
  deleteImage(input: { build: BuildRef; plan: DeletionPlan }): Promise<undefined>;
  deleteSnapshots(input: { build: BuildRef; snapshotIds: string[] }): Promise<{ resources: Resource[] }>;
}
