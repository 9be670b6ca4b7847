import {
  ActivityFailure,
  ApplicationFailure,
  CancellationScope,
  isCancellation,
  log,
  patched,
} from '@temporalio/workflow';
import type { BuildRef, FamilyPlace, PromotionPlan, UnsharedImage } from '../../contract';
import { stepFailure } from '../failures';
import { activitiesAt, familyDeadlines } from './place';
import type { Unshared } from './unshared';

/** Patch: what a change that failed has taken of the shares is given back. */
const sharesAreGivenBack = 'shares-are-given-back';

/** Images of a family, with the accounts that each was shared with before its change. */
interface Shared {
  build: BuildRef;
  place: FamilyPlace;
  family: string;
  imageIds: string[];
  shares: PromotionPlan['shares'];
  /** Where it is remembered meanwhile. */
  unshared: Unshared;
}

/**
 * Makes a change for which images are unshared for a while. The change shares them again itself; when it fails or is given up
 * it may not have come to that, and nobody but this workflow knows any more who had an image. So each is then shared as it was
 * before, also when the change was cancelled, and the family does nothing else until that is done.
 *
 * @throws what the change failed with, and who could not be given an image back
 */
export async function givingBackShares<T>(shared: Shared, change: () => Promise<T>): Promise<T> {
  const { build, place, family, imageIds, shares, unshared } = shared;
  const taken = imageIds
    .map((imageId) => ({ place, imageId, accounts: shares[imageId] ?? [] }))
    .filter(({ accounts }) => accounts.length > 0);
  return unshared.during(taken, async () => {
    try {
      return await change();
    } catch (error) {
      if (taken.length === 0 || !patched(sharesAreGivenBack)) throw error;
      const lost = await CancellationScope.nonCancellable(() =>
        Promise.all(taken.map((one) => giveBack(build, family, one))),
      );
      throw lost.flat().length === 0 ? error : withLost(error, lost.flat());
    }
  });
}

/** Shares an image as it was; one that is so already takes no change. @returns what could not be given back */
export async function giveBack(
  build: BuildRef,
  family: string,
  { place, imageId, accounts }: UnsharedImage,
): Promise<string[]> {
  const cut = (from: string[], why: string) => [`${imageId} is no longer shared with ${from.join(', ')}: ${why}`];
  const summary = `${imageId} is shared with ${accounts.join(', ')} as before`.slice(0, 200);
  try {
    const about = { summary, deadline: familyDeadlines.giveBack };
    const { notShared } = await activitiesAt(place, about).shareImage({ build, family, imageId, accounts });
    return notShared.flatMap(({ account, message }) => cut([account], message));
  } catch (error) {
    if (!(error instanceof ActivityFailure)) throw error;
    const { code, message } = stepFailure(error);
    return code === 'ImageGone' ? [] : cut(accounts, message);
  }
}

function withLost(error: unknown, lost: string[]): unknown {
  log.warn('shares are lost', { lost, error });
  // That it was given up is what whoever did so asks for.
  if (isCancellation(error)) return error;
  const { code, message, advice, ...details } = stepFailure(error);
  const mend = 'Share it again by hand (CVM ModifyImageSharePermission).';
  return ApplicationFailure.create({
    type: code,
    message: [message, ...lost].join('; '),
    nonRetryable: true,
    details: [{ ...details, advice: advice === undefined ? mend : `${advice} ${mend}` }],
  });
}
