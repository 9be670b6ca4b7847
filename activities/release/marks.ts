import { ApplicationFailure } from '@temporalio/activity';
import { type ReleaseActivities, type ReleaseState, tagKeys } from '../../contract';
import type { Image } from '../cloud/cloud';
import { accountsSharedWith } from '../cloud/images';
import { answersFor, familyImage, releaseTag } from '../cloud/release-tags';
import { setTags, tagValue } from '../cloud/tags';
import type { Goal } from '../engine/goal';
import type { StepRun } from '../engine/run';
import { step } from '../engine/step';
import { imageNow, noLongerAnswers } from './answers';
import { familyImageById, imageGone, notOfFamily } from './family-images';

type InputOf<Name extends keyof ReleaseActivities> = Parameters<ReleaseActivities[Name]>[0];
type OutputOf<Name extends keyof ReleaseActivities> = Awaited<ReturnType<ReleaseActivities[Name]>>;

/**
 * Marks an image of a family as what it is now. Twice is harmless: an existing key gets the new value. What is not, and never
 * was, the current one does not answer for the family: a copy may have inherited that.
 *
 * What was current once is never rejected, whoever asks and whatever is remembered elsewhere: it may be in use, and what is
 * rejected is deleted.
 */
export const markImage = step<InputOf<'markImage'>, OutputOf<'markImage'>>('step', async (run, input) => {
  await run.achieve(marked(run, input));
  // Tags show late, and what comes next must not take what it was meanwhile for the truth.
  const { family, imageId, state, again = false } = input;
  if (again) await markShows(run, input);
  // One whose promotion came to nothing may have begun to answer.
  const mayAnswer = again ? state === 'current' : wasCurrent(state);
  if (mayAnswer || !answersFor(family, (await imageNow(run, imageId)) ?? {})) return {};
  const accounts = await run.patiently(`shares of ${imageId}`, () => accountsSharedWith(run.cloud, imageId));
  return (await noLongerAnswers(run, family, imageId, accounts)) ? {} : { later: [imageId] };
});

/** What an image is to be marked as. */
type Mark = Omit<InputOf<'markImage'>, 'build'>;

/** An image of the family that is to be marked so. TAG TagResources; tags show late, that the cloud took them is what counts. */
export function marked(run: StepRun, { family, imageId, state, since, again = false }: Mark): Goal<Image> {
  const wanted = releaseTag(state, since);
  return {
    ...familyImageById(run, imageId),
    title: `mark of ${imageId}: ${state}`,
    judge: (seen, acted) => {
      if (!seen) return imageGone(imageId);
      const now = familyImage(run, family, seen);
      if (!now) return notOfFamily(imageId, family);
      if (acted) return { is: 'done' };
      run.imageState = now.state;
      if (state === 'rejected' && wasCurrent(now.state)) {
        // Perhaps it is a candidate again since a moment ago: tags show late.
        return { is: 'missing', ...notCandidate(imageId, now.state) };
      }
      return !again && tagValue(seen.Tags, tagKeys.release) === wanted ? { is: 'done' } : { is: 'act' };
    },
    act: {
      action: 'TagResources',
      repeatable: true,
      call: async () => {
        await setTags(run.cloud, [{ type: 'image', id: imageId }], { [tagKeys.release]: wanted });
        return undefined;
      },
    },
  };
}

/** Waits until a mark shows, so that whoever looks next sees it; not for longer than the settle window. */
export async function markShows(run: StepRun, { family, imageId, state, since }: Mark): Promise<void> {
  const wanted = releaseTag(state, since);
  const late = 'MarkIsLate';
  try {
    await run.achieve<Image>({
      ...familyImageById(run, imageId),
      title: `mark of ${imageId}: ${state}, to show`,
      judge: (seen) =>
        seen && familyImage(run, family, seen) && tagValue(seen.Tags, tagKeys.release) !== wanted
          ? { is: 'missing', code: late, message: '', waitingFor: `mark of ${imageId}: to show` }
          : { is: 'done' },
    });
  } catch (error) {
    if (!(error instanceof ApplicationFailure) || error.type !== late) throw error;
  }
}

/** Marks something if the cloud lets it now; answers whether it did. What is in the way is for whoever marks it later to say. */
export async function isMarkedNow<Seen>(run: StepRun, mark: Goal<Seen>): Promise<boolean> {
  try {
    await run.achieve(mark);
    return true;
  } catch (error) {
    if (!(error instanceof ApplicationFailure)) throw error;
    return false;
  }
}

export const wasCurrent = (state: ReleaseState) => state !== 'candidate' && state !== 'rejected';

const notCandidate = (imageId: string, state: ReleaseState) => ({
  code: 'NotCandidate',
  message: `${imageId} is ${state}: it was promoted, and is no candidate any more`,
  advice: 'To have the image before it current again: cvm-image family rollback.',
});
