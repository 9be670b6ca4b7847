import { ActivityFailure, isCancellation } from '@temporalio/workflow';
import type { BuildRef, Fate, FamilyPlace, RetiredImage, Retirement } from '../../contract';
import { stepFailure } from '../failures';
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
  only?: string,
): Promise<Fate[]> {
  const summary =
    only === undefined ? `the images of ${family} in ${place.region}` : `${only}: whether it may still go`;
  const { fates } = await activitiesAt(place, { summary, deadline: familyDeadlines.look }).inspectRetirement({
    build,
    family,
    retirement: rulesOf(rules),
    ...(only === undefined ? {} : { only }),
  });
  return fates;
}

/** What only says that something needs the image after all. */
const needed = ['ImageInUse', 'BuildIsOpen'];

/**
 * Deletes one image that is to go, if it still is: unshared first, then the image, then its snapshots. What cannot be deleted
 * is left, with the reason; the next retirement tries again.
 */
export async function retireOne(
  build: BuildRef,
  place: FamilyPlace,
  family: string,
  rules: Rules,
  found: RetiredImage,
): Promise<RetiredImage> {
  const { imageId } = found;
  try {
    const [fate] = await toRetire(build, place, family, rules, imageId);
    // Gone already: by somebody else's hand, or by an attempt whose answer was lost.
    if (!fate) return { ...found, outcome: 'deleted' };
    if (!fate.goes) return { ...found, reason: fate.reason, outcome: 'left' };
    await deleteImage(build, place, family, imageId);
    return { ...found, outcome: 'deleted' };
  } catch (error) {
    if (!(error instanceof ActivityFailure) || isCancellation(error)) throw error;
    const { code, message } = stepFailure(error);
    if (needed.includes(code)) return { ...found, reason: message, outcome: 'left' };
    return { ...found, outcome: 'left', problem: message };
  }
}

async function deleteImage(build: BuildRef, place: FamilyPlace, family: string, imageId: string): Promise<void> {
  const { look, change, delete: deletion } = familyDeadlines;
  await activitiesAt(place, { summary: `${imageId} is shared with nobody`, deadline: change }).unshareImage({
    build,
    family,
    imageId,
  });
  const plan = await activitiesAt(place, {
    summary: `${imageId}: who needs it, and what goes with it`,
    deadline: look,
  }).inspectDeletion({ build, imageId });
  const owned = { ...build, accountId: plan.accountId };
  await activitiesAt(place, { summary: `${imageId} (${plan.name})`, deadline: deletion }).deleteImage({
    build: owned,
    plan,
  });
  if (plan.snapshotIds.length === 0) return;
  const summary = `${plan.snapshotIds.length} snapshots of ${imageId}`;
  await activitiesAt(place, { summary, deadline: deletion }).deleteSnapshots({
    build: owned,
    snapshotIds: plan.snapshotIds,
  });
}
