import type {
  BuildActivities,
  CheckUpActivities,
  DistributionActivities,
  ImageActivities,
  PlanActivities,
  ReleaseActivities,
  QuotaActivities,
  ScheduleActivities,
  SweepActivities,
} from '../contract';
import { checkQuota } from './check-quota';
import { Clouds } from './cloud/cloud';
import { CloudError } from './cloud/errors';
import { createImage, undoCreateImage } from './create-image';
import { deleteImage, deleteSnapshots, inspectDeletion } from './delete-image';
import { describeImage } from './describe-image';
import { backingOff } from './engine/backing-off';
import { messageOf } from './engine/failures';
import type { StepTools } from './engine/step';
import { inspectLaunch } from './inspect-launch';
import { dryRunImage } from './dry-run-image';
import { examineWorker } from './examine-worker';
import { findLeftovers } from './find-leftovers';
import { inspectForPlan } from './inspect-for-plan';
import { inspectSource } from './inspect-source';
import { keepResources } from './keep-resources';
import { launchInstance, undoLaunchInstance } from './launch-instance';
import { listImages } from './list-images';
import { notify } from './notify';
import { pollImage } from './poll-image';
import { removeLeftovers, restoreAbandoned } from './put-right';
import { askFamily } from './release/ask-family';
import { checkGuest, watchGuest } from './release/check-guest';
import { copyImage, followCopy, undoCopyImage } from './release/copy-image';
import { copySnapshots, undoCopySnapshots } from './release/copy-snapshots';
import { listFamily } from './release/family-images';
import { findSource } from './release/find-source';
import { inspectChange, rememberSource } from './release/inspect-change';
import { joinBuild } from './release/join-build';
import { nameRelease } from './release/name-release';
import { markImage } from './release/marks';
import { awaitCopied, demoteImages, inspectPromotion, promoteImage } from './release/promote';
import { inspectRetirement } from './release/retire';
import { awaitEnd, pauseSchedule } from './release/schedule';
import { shareImage } from './release/share-image';
import { unshareImage } from './release/shares';
import { restoreInstance } from './restore-instance';
import { awaitRoom, inspectRoom } from './room/look';
import { reserveRoom } from './room/reserve';
import { inspectOldest, retireOldest } from './room/retire';
import type { ActivitySettings } from './settings';
import { shutdownInstance } from './shutdown-instance';
import { snapshotDisks, undoSnapshotDisks } from './snapshot-disks';

export type { ActivitySettings } from './settings';

const steps = {
  inspectSource,
  checkQuota,
  shutdownInstance,
  restoreInstance,
  snapshotDisks,
  undoSnapshotDisks,
  createImage,
  undoCreateImage,
  pollImage,
  keepResources,
  launchInstance,
  undoLaunchInstance,
  notify,
  listImages,
  describeImage,
  inspectLaunch,
  inspectDeletion,
  deleteImage,
  deleteSnapshots,
  inspectForPlan,
  dryRunImage,
  examineWorker,
  findLeftovers,
  restoreAbandoned,
  removeLeftovers,
  findSource,
  inspectChange,
  rememberSource,
  nameRelease,
  joinBuild,
  watchGuest,
  checkGuest,
  askFamily,
  listFamily,
  inspectPromotion,
  promoteImage,
  demoteImages,
  awaitCopied,
  markImage,
  inspectRetirement,
  unshareImage,
  inspectRoom,
  awaitRoom,
  inspectOldest,
  retireOldest,
  reserveRoom,
  copyImage,
  followCopy,
  undoCopyImage,
  copySnapshots,
  undoCopySnapshots,
  shareImage,
  pauseSchedule,
  awaitEnd,
};

/** Everything that the workflows of this project ask a worker to do. */
export type Activities = BuildActivities &
  ImageActivities &
  PlanActivities &
  CheckUpActivities &
  SweepActivities &
  ReleaseActivities &
  DistributionActivities &
  QuotaActivities &
  ScheduleActivities;

/**
 * The activities of all workflows, for a worker to register.
 *
 * @param settings how they behave; one set a worker
 * @param lease how an attempt makes sure that it is the current one; default: by asking the Temporal server
 */
export function createActivities(settings: ActivitySettings, lease?: StepTools['lease']): Activities {
  const tools: StepTools = { settings, clouds: new Clouds(settings), ...(lease ? { lease } : {}) };
  const made = Object.entries<(tools: StepTools) => (input: never) => Promise<unknown>>(steps);
  return Object.fromEntries(made.map(([name, make]) => [name, backingOff(make(tools))])) as unknown as Activities;
}

/**
 * Asks the cloud who we are (STS GetCallerIdentity), so that wrong credentials show when a worker starts and not at night.
 *
 * @throws {Error} whose message says which variable to look at
 */
export async function checkCredentials(settings: ActivitySettings): Promise<void> {
  try {
    await new Clouds(settings).get(settings.allow.regions?.[0] ?? 'ap-guangzhou').accountId();
  } catch (error) {
    if (!(error instanceof CloudError)) throw error;
    const where = settings.endpoint === undefined ? '' : ` at ${settings.endpoint}`;
    const advice =
      error.advice ??
      (error.kind === 'transient'
        ? 'Look at TENCENTCLOUD_ENDPOINT and the network.'
        : 'Set TENCENTCLOUD_SECRET_ID and TENCENTCLOUD_SECRET_KEY, or provide ~/.tencentcloud/credentials or a CVM role.');
    throw new Error(`The cloud${where} does not accept the worker. ${messageOf(error)}. ${advice}`, { cause: error });
  }
}
