import { ActivityFailure, isCancellation, patched } from '@temporalio/workflow';
import type { BuildRef, Fate, FamilyPlace, RetiredImage, Retirement } from '../../contract';
import { stepFailure } from '../failures';
import { snapshotsAgain } from './orphans';
import { activitiesAt, familyDeadlines } from './place';

type Rules = Omit<Retirement, 'place' | 'dryRun'>;

const rulesOf = ({ keep, youngerThan, keepRejected, now, release }: Rules): Rules => ({
  ...(keep === undefined ? {} : { keep }),
  youngerThan,
  keepRejected,
  now,
  ...(release === undefined ? {} : { release }),
});

/** Every image of the family at a place, with whether it is to go and why. */
export async function toRetire(
  build: BuildRef,
  place: FamilyPlace,
  family: string,
  rules: Rules,
  { only, deadline = familyDeadlines.delete }: { only?: string; deadline?: number } = {},
): Promise<Fate[]> {
  const summary =
    only === undefined ? `the images of ${family} in ${place.region}` : `${only}: whether it may still go`;
  const { fates } = await activitiesAt(place, { summary, deadline }).inspectRetirement({
    build,
    family,
    retirement: rulesOf(rules),
    ...(only === undefined ? {} : { only }),
  });
  return fates;
}

/** What only says that something needs the image after all. */
const needed = ['ImageInUse', 'BuildIsOpen'];

/** What became of an image that was to go. */
export interface Retired {
  image: RetiredImage;
  /** Snapshots that are to go as well: now if it is deleted, else once it turns out to be gone. */
  snapshotIds: string[];
}

/**
 * Deletes one image that is to go, if it still is: unshared first, then the image; its snapshots are for the caller to
 * delete. What cannot be deleted within minutes is left, with the reason; the next retirement tries again.
 */
export async function retireOne(
  build: BuildRef,
  place: FamilyPlace,
  family: string,
  rules: Rules,
  found: RetiredImage,
): Promise<Retired> {
  const { imageId } = found;
  const begun: Begun = { until: Date.now() + familyDeadlines.delete * 1000, snapshotIds: [] };
  const became = (to: Partial<RetiredImage>, snapshotIds: string[] = []): Retired => ({
    image: { ...found, ...to },
    snapshotIds,
  });
  try {
    const [fate] = await toRetire(build, place, family, rules, { only: imageId, deadline: secondsLeft(begun) });
    // Gone already: by somebody else's hand, or by an attempt whose answer was lost.
    if (!fate) return became({ outcome: 'deleted' });
    if (!fate.goes) return became({ reason: fate.reason, outcome: 'left' });
    await deleteImage(build, place, family, imageId, begun);
    return became({ outcome: 'deleted' }, begun.snapshotIds);
  } catch (error) {
    if (!(error instanceof ActivityFailure) || isCancellation(error)) throw error;
    const { code, message } = stepFailure(error);
    if (needed.includes(code)) return became({ reason: message, outcome: 'left' });
    // It may have been deleted all the same, without anybody having heard of it.
    const maybeGone = code === 'DeadlineExceeded' && begun.snapshotIds.length > 0 && patched(snapshotsAgain);
    return became({ outcome: 'left', problem: message }, maybeGone ? begun.snapshotIds : []);
  }
}

/** How far a deletion has come, also one that fails. */
interface Begun {
  /** When it has to be over, in milliseconds. */
  until: number;
  /** Snapshots that are to go once the image is gone; none before its deletion is asked for. */
  snapshotIds: string[];
}

const secondsLeft = ({ until }: Begun) => Math.max(1, (until - Date.now()) / 1000);

async function deleteImage(
  build: BuildRef,
  place: FamilyPlace,
  family: string,
  imageId: string,
  begun: Begun,
): Promise<void> {
  await activitiesAt(place, { summary: `${imageId} is shared with nobody`, deadline: secondsLeft(begun) }).unshareImage(
    {
      build,
      family,
      imageId,
    },
  );
  const plan = await activitiesAt(place, {
    summary: `${imageId}: who needs it, and what goes with it`,
    deadline: secondsLeft(begun),
  }).inspectDeletion({ build, imageId });
  const owned = { ...build, accountId: plan.accountId };
  begun.snapshotIds = plan.snapshotIds;
  await activitiesAt(place, { summary: `${imageId} (${plan.name})`, deadline: secondsLeft(begun) }).deleteImage({
    build: owned,
    plan,
  });
  if (plan.snapshotIds.length === 0 || patched(snapshotsAgain)) return;
  begun.snapshotIds = [];
  const summary = `${plan.snapshotIds.length} snapshots of ${imageId}`;
  await activitiesAt(place, { summary, deadline: familyDeadlines.snapshots }).deleteSnapshots({
    build: owned,
    snapshotIds: plan.snapshotIds,
  });
}
