import { ActivityFailure, isCancellation, patched } from '@temporalio/workflow';
import type { BuildRef, Fate, FamilyPlace, RetiredImage, Retirement } from '../../contract';
import { stepFailure } from '../failures';
import { snapshotsAgain } from './orphans';
import { activitiesAt, familyDeadlines } from './place';

/** Patch: an image that stays after all gets its shares back. */
const sharesComeBack = 'shares-come-back';
/** Patch: when it could not get them back at once, that is tried again. */
const lostSharesAgain = 'lost-shares-again';

type Rules = Omit<Retirement, 'place' | 'dryRun' | 'only'>;

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
  /** With whom it was shared and could not be shared again at once. */
  lost?: string[];
}

/**
 * Deletes one image that is to go, if it still is: unshared first, then the image; its snapshots are for the caller to
 * delete. What cannot be deleted within minutes is left, with the reason, and shared as before; the next retirement tries again.
 */
export async function retireOne(
  build: BuildRef,
  place: FamilyPlace,
  family: string,
  rules: Rules,
  found: RetiredImage,
): Promise<Retired> {
  const { imageId } = found;
  const begun: Begun = { until: Date.now() + familyDeadlines.delete * 1000, accounts: [], snapshotIds: [] };
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
    const unshared = await notSharedAgain(build, place, family, imageId, begun.accounts);
    const lost = unshared !== undefined && patched(lostSharesAgain) ? { lost: begun.accounts } : {};
    if (needed.includes(code) && unshared === undefined) return became({ reason: message, outcome: 'left' });
    // It may have been deleted all the same, without anybody having heard of it.
    const maybeGone = code === 'DeadlineExceeded' && begun.snapshotIds.length > 0 && patched(snapshotsAgain);
    const problem = [message, unshared].filter(Boolean).join('; ');
    return { ...became({ outcome: 'left', problem }, maybeGone ? begun.snapshotIds : []), ...lost };
  }
}

/** How far a deletion has come, also one that fails. */
interface Begun {
  /** When it has to be over, in milliseconds. */
  until: number;
  /** Whom the image was shared with. */
  accounts: string[];
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
  const at = (summary: string) => activitiesAt(place, { summary, deadline: secondsLeft(begun) });
  const unshare = () => at(`${imageId} is shared with nobody`).unshareImage({ build, family, imageId });
  const comesBack = patched(sharesComeBack);
  if (!comesBack) await unshare();
  const plan = await at(`${imageId}: who needs it, and what goes with it`).inspectDeletion({
    build,
    imageId,
    ...(comesBack ? { unshares: true } : {}),
  });
  const { sharedWith = [] } = plan;
  if (sharedWith.length > 0) {
    // Known from before: an attempt of which nobody heard may have taken them.
    begun.accounts = sharedWith;
    const { accounts } = await unshare();
    begun.accounts = [...new Set([...sharedWith, ...accounts])];
  }
  const owned = { ...build, accountId: plan.accountId };
  begun.snapshotIds = plan.snapshotIds;
  await at(`${imageId} (${plan.name})`).deleteImage({ build: owned, plan });
  if (plan.snapshotIds.length === 0 || patched(snapshotsAgain)) return;
  begun.snapshotIds = [];
  const summary = `${plan.snapshotIds.length} snapshots of ${imageId}`;
  await activitiesAt(place, { summary, deadline: familyDeadlines.snapshots }).deleteSnapshots({
    build: owned,
    snapshotIds: plan.snapshotIds,
  });
}

/**
 * Shares an image that stays after all with whom it was shared before.
 *
 * @returns with whom it may not be shared any more, and why; undefined when it is, or is gone
 */
async function notSharedAgain(
  build: BuildRef,
  place: FamilyPlace,
  family: string,
  imageId: string,
  accounts: string[],
): Promise<string | undefined> {
  if (accounts.length === 0) return undefined;
  const about = { summary: `${imageId} is shared again with ${accounts.join(', ')}`, deadline: familyDeadlines.share };
  const told = (whom: string[], why: string) => `it could not be shared again with ${whom.join(', ')}: ${why}`;
  try {
    const { notShared } = await activitiesAt(place, about).shareImage({ build, family, imageId, accounts });
    const [first] = notShared;
    return (
      first &&
      told(
        notShared.map(({ account }) => account),
        first.message,
      )
    );
  } catch (error) {
    if (isCancellation(error)) throw error;
    const { code, message } = stepFailure(error);
    return code === 'ImageGone' ? undefined : told(accounts, message);
  }
}
