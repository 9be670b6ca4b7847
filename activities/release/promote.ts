import { ApplicationFailure } from '@temporalio/activity';
import { currentOf, type ReleaseActivities } from '../../contract';
import type { Image } from '../cloud/cloud';
import { accountsSharedWith } from '../cloud/images';
import { answersFor } from '../cloud/release-tags';
import type { Goal } from '../engine/goal';
import type { StepRun } from '../engine/run';
import { step } from '../engine/step';
import { answersNow, imageNow, isBusy, noLongerAnswers } from './answers';
import { familyImageById, imagesOfFamily, notOfFamily } from './family-images';
import { marked, markShows } from './marks';
import { whileUnshared } from './shares';

type InputOf<Name extends keyof ReleaseActivities> = Parameters<ReleaseActivities[Name]>[0];
type OutputOf<Name extends keyof ReleaseActivities> = Awaited<ReturnType<ReleaseActivities[Name]>>;

/**
 * Looks at everything that speaks against promoting an image, before anything is changed: it must be NORMAL and carry the
 * tags of the family. Changes nothing.
 */
export const inspectPromotion = step<InputOf<'inspectPromotion'>, OutputOf<'inspectPromotion'>>(
  'before changes',
  async (run, { family, imageId, othersOnly = false, unlessWithdrawn = false, unlessCurrent = [] }) => {
    const images = await imagesOfFamily(run, family);
    const image = images.find((one) => one.imageId === imageId);
    if (!image) {
      const { code, message, advice } = notOfFamily(imageId, family);
      throw run.refusal(code, message, advice);
    }
    if (image.state === 'rejected') {
      throw run.refusal(
        'Rejected',
        `${imageId} is rejected: it is not promoted, and goes in time`,
        'Have the pipeline run again: it makes a new image.',
      );
    }
    if (unlessWithdrawn && image.state === 'withdrawn') {
      throw run.refusal(
        'Withdrawn',
        `${imageId} was withdrawn by a rollback: no promotion makes it current again`,
        `If it is wanted after all: cvm-image family rollback ${family} --to ${imageId}`,
      );
    }
    const now = currentOf(images);
    if (now && now !== image && unlessCurrent.includes(now.release)) {
      throw run.refusal(
        'Superseded',
        `${now.imageId} (${now.name}) of a newer release is current by now: ${imageId} comes too late`,
        'If it is wanted all the same: have the pipeline run again.',
      );
    }
    if (!othersOnly && image.imageState !== 'NORMAL') {
      throw run.refusal(
        'ImageState',
        `${imageId} is ${image.imageState}; only a NORMAL image can be promoted`,
        'While it is copied to another region it is SYNCING: have this tried again when that is over.',
      );
    }
    const others = images.filter((one) => one !== image && (one.state === 'current' || one.answers));
    const changing = [...(image.answers ? [] : [image]), ...others.filter(({ answers }) => answers)];
    const shares = await Promise.all(
      [image, ...changing.filter((one) => one !== image)].map(async (one) => [
        one.imageId,
        await run.patiently(`shares of ${one.imageId}`, () => accountsSharedWith(run.cloud, one.imageId)),
      ]),
    );
    return {
      ...(now === undefined ? {} : { current: now.imageId }),
      was: { state: image.state, since: image.since },
      others,
      shares: Object.fromEntries(shares) as Record<string, string[]>,
    };
  },
);

/**
 * Makes an image the current one: first its tag, which is the truth, then the cloud's own ImageFamily (CVM
 * ModifyImageAttribute). What was current before is still marked as well, and still answers, so that the family is never
 * without; `demoteImages` comes after.
 */
export const promoteImage = step<InputOf<'promoteImage'>, undefined>('step', async (run, input) => {
  const { family, imageId, at, shares } = input;
  const mark = { family, imageId, state: 'current', since: at } as const;
  await run.achieve(marked(run, mark));
  await whileUnshared(run, imageId, shares[imageId] ?? [], {
    due: async () => !answersFor(family, (await imageNow(run, imageId)) ?? {}),
    make: () => answersNow(run, family, imageId),
  });
  // By now it shows, as a rule: nobody is to take the image for a candidate any more.
  await markShows(run, mark);
  return undefined;
});

/**
 * Marks images that were current as what they are now, and lets them no longer answer for the family: `since` stays, which is the
 * order in which they were promoted. The marks come first: they are the truth, and an image that is being copied takes no
 * other change for as long as that lasts.
 */
export const demoteImages = step<InputOf<'demoteImages'>, OutputOf<'demoteImages'>>('step', async (run, input) => {
  const { family, current, images, state, shares } = input;
  for (const { imageId, state: before, since } of images) {
    // Deleted by somebody meanwhile: it neither answers nor is current any more.
    if (before !== 'current' || !(await imageNow(run, imageId))) continue;
    await run.achieve(marked(run, { family, imageId, state, since }));
  }
  const later: string[] = [];
  for (const { imageId } of images) {
    if (!(await noLongerAnswers(run, family, imageId, shares[imageId] ?? []))) later.push(imageId);
  }
  const still = later.map(
    (id) =>
      `DescribeImageFromFamily may answer ${id} until it has been copied: an image takes no changes meanwhile. ${current} is current all the same`,
  );
  const other = later.length > 0 ? undefined : await otherAnswer(run, family, current);
  return { notes: [...still, ...(other === undefined ? [] : [other])], ...(later.length === 0 ? {} : { later }) };
});

/** Waits until none of the images is being copied any more; one that is gone is not. */
export const awaitCopied = step<InputOf<'awaitCopied'>, undefined>('before changes', async (run, { imageIds }) => {
  await run.achieveAll(
    imageIds.map((id): Goal<Image> => ({
      ...familyImageById(run, id),
      judge: (seen) =>
        seen && isBusy(seen)
          ? { is: 'going', waitingFor: `image ${id}: ${seen.ImageState ?? ''}`, percent: seen.SyncPercent ?? undefined }
          : { is: 'done' },
    })),
  );
  return undefined;
});

/** What the cloud answers for the family (DescribeImageFromFamily: its youngest image), when that is not the current one. */
async function otherAnswer(run: StepRun, family: string, current: string): Promise<string | undefined> {
  let answer: Image | undefined;
  try {
    await run.achieve<Image>({
      title: `family ${family}`,
      look: async () => {
        const { Image: seen } = await run.cloud.call('cvm', 'DescribeImageFromFamily', { ImageFamily: family });
        return (answer = seen ?? undefined);
      },
      judge: (seen) =>
        seen?.ImageId === current ? { is: 'done' } : { is: 'missing', code: 'OtherAnswer', message: '' },
    });
    return undefined;
  } catch (error) {
    if (!(error instanceof ApplicationFailure) || error.type !== 'OtherAnswer') throw error;
    const what = answer ? `${answer.ImageId ?? ''} (${answer.ImageName ?? ''})` : 'no image';
    return `DescribeImageFromFamily answers ${what}, which this installation's pipelines did not make; ${current} is current all the same`;
  }
}
