import { ApplicationFailure } from '@temporalio/activity';
import { currentOf, type ReleaseActivities } from '../../contract';
import type { Image } from '../cloud/cloud';
import { accountsSharedWith } from '../cloud/images';
import { answersFor } from '../cloud/release-tags';
import type { Goal } from '../engine/goal';
import type { StepRun } from '../engine/run';
import { step } from '../engine/step';
import { familyImageById, imageGone, imagesOfFamily, marked, notOfFamily } from './family-images';
import { whileUnshared } from './shares';

type InputOf<Name extends keyof ReleaseActivities> = Parameters<ReleaseActivities[Name]>[0];
type OutputOf<Name extends keyof ReleaseActivities> = Awaited<ReturnType<ReleaseActivities[Name]>>;

/**
 * Looks at everything that speaks against promoting an image, before anything is changed: it must be NORMAL and carry the
 * tags of the family. Changes nothing.
 */
export const inspectPromotion = step<InputOf<'inspectPromotion'>, OutputOf<'inspectPromotion'>>(
  'before changes',
  async (run, { family, imageId }) => {
    const images = await imagesOfFamily(run, family);
    const image = images.find((one) => one.imageId === imageId);
    if (!image) {
      const { code, message, advice } = notOfFamily(imageId, family);
      throw run.refusal(code, message, advice);
    }
    if (image.imageState !== 'NORMAL') {
      throw run.refusal('ImageState', `${imageId} is ${image.imageState}; only a NORMAL image can be promoted`);
    }
    const others = images.filter((one) => one !== image && (one.state === 'current' || one.answers));
    const changing = [...(image.answers ? [] : [image]), ...others.filter(({ answers }) => answers)];
    const shares = await Promise.all(
      [image, ...changing.filter((one) => one !== image)].map(async (one) => [
        one.imageId,
        await run.patiently(`shares of ${one.imageId}`, () => accountsSharedWith(run.cloud, one.imageId)),
      ]),
    );
    const current = currentOf(images)?.imageId;
    return {
      ...(current === undefined ? {} : { current }),
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
  await run.achieve(marked(run, { family, imageId, state: 'current', since: at }));
  await whileUnshared(run, imageId, shares[imageId] ?? [], {
    due: async () => !answersFor(family, (await imageNow(run, imageId)) ?? {}),
    make: async () => {
      await run.achieve(
        attribute(run, imageId, (seen) => answersFor(family, seen), {
          ImageFamily: family,
          ImageDeprecated: false,
        }),
      );
    },
  });
  return undefined;
});

/**
 * Lets images no longer answer for the family, then marks those that were current as what they are now: `since` stays, which
 * is the order in which they were promoted.
 */
export const demoteImages = step<InputOf<'demoteImages'>, OutputOf<'demoteImages'>>('step', async (run, input) => {
  const { family, current, images, state, shares } = input;
  for (const { imageId, state: before, since } of images) {
    // Deleted by somebody meanwhile: it neither answers nor is current any more.
    if (!(await imageNow(run, imageId))) continue;
    await whileUnshared(run, imageId, shares[imageId] ?? [], {
      due: async () => answersFor(family, (await imageNow(run, imageId)) ?? {}),
      make: () => silenced(run, family, imageId),
    });
    if (before === 'current') await run.achieve(marked(run, { family, imageId, state, since }));
  }
  const other = await otherAnswer(run, family, current);
  return { notes: other === undefined ? [] : [other] };
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

/**
 * That an image no longer answers for the family. An empty ImageFamily takes it out; whether the API takes that for "leave it
 * as it is" is not documented, so what still answers afterwards is marked as deprecated, which the family passes over.
 */
async function silenced(run: StepRun, family: string, imageId: string): Promise<void> {
  const silent = (seen: Image) => !answersFor(family, seen);
  try {
    await run.achieve(attribute(run, imageId, silent, { ImageFamily: '' }, 'FamilyStays'));
  } catch (error) {
    const type = error instanceof ApplicationFailure ? error.type : undefined;
    if (type !== 'FamilyStays' && type !== 'InvalidParameterValue.InvalidImageFamily') throw error;
    await run.achieve(attribute(run, imageId, silent, { ImageDeprecated: true }));
  }
}

const imageNow = (run: StepRun, imageId: string): Promise<Image | undefined> =>
  run.patiently(`image ${imageId}`, () => run.cloud.images.look(imageId));

/**
 * An image with this attribute (CVM ModifyImageAttribute), which shows a while after the call.
 *
 * @param stays code of the failure when it does not show within the settle window
 */
function attribute(
  run: StepRun,
  imageId: string,
  is: (seen: Image) => boolean,
  change: { ImageFamily?: string; ImageDeprecated?: boolean },
  stays = 'AttributeStays',
): Goal<Image> {
  const what = Object.keys(change).join(' and ');
  return {
    ...familyImageById(run, imageId),
    title: `${what} of ${imageId}`,
    judge: (seen, acted) => {
      if (!seen) return imageGone(imageId);
      if (is(seen)) return { is: 'done' };
      return acted
        ? { is: 'missing', code: stays, message: `${what} of ${imageId} has not changed, though the cloud took it` }
        : { is: 'act' };
    },
    act: {
      action: 'ModifyImageAttribute',
      repeatable: true,
      call: async () => {
        await run.cloud.call('cvm', 'ModifyImageAttribute', { ImageId: imageId, ...change });
        return undefined;
      },
    },
  };
}
