import { ApplicationFailure } from '@temporalio/activity';
import type { Image } from '../cloud/cloud';
import { imageBusy } from '../cloud/images';
import { answersFor } from '../cloud/release-tags';
import type { Goal } from '../engine/goal';
import type { StepRun } from '../engine/run';
import { familyImageById, imageGone } from './family-images';
import { whileUnshared } from './shares';

/** Whether an image is being made or copied: it takes no changes but tags. */
export const isBusy = ({ ImageState }: Image): boolean => ImageState === 'SYNCING' || ImageState === 'CREATING';

export const imageNow = (run: StepRun, imageId: string): Promise<Image | undefined> =>
  run.patiently(`image ${imageId}`, () => run.cloud.images.look(imageId));

/** Lets the cloud answer with an image for the family (CVM ModifyImageAttribute). One that is being copied is waited for. */
export async function answersNow(run: StepRun, family: string, imageId: string): Promise<void> {
  const change = { ImageFamily: family, ImageDeprecated: false };
  await run.achieve(attribute(run, imageId, (seen) => answersFor(family, seen), change, { waits: true }));
}

/**
 * Lets the cloud no longer answer with an image for the family; one that is gone does not.
 *
 * @param accounts those that it is shared with: a shared image takes no changes
 * @returns false when it still answers, since it is being copied and takes no changes now
 */
export async function noLongerAnswers(
  run: StepRun,
  family: string,
  imageId: string,
  accounts: string[],
): Promise<boolean> {
  const seen = await imageNow(run, imageId);
  if (!seen) return true;
  if (isBusy(seen) && answersFor(family, seen)) return false;
  try {
    await whileUnshared(run, imageId, accounts, {
      due: async () => answersFor(family, (await imageNow(run, imageId)) ?? {}),
      make: () => silenced(run, family, imageId),
    });
    return true;
  } catch (error) {
    if (typeOf(error) !== busyNow) throw error;
    return false;
  }
}

/**
 * That an image no longer answers for the family. An empty ImageFamily takes it out; whether the API takes that for "leave it
 * as it is" is not documented, so what still answers afterwards is marked as deprecated, which the family passes over.
 */
async function silenced(run: StepRun, family: string, imageId: string): Promise<void> {
  const silent = (seen: Image) => !answersFor(family, seen);
  try {
    await run.achieve(attribute(run, imageId, silent, { ImageFamily: '' }, { stays: 'FamilyStays' }));
  } catch (error) {
    const type = typeOf(error);
    if (type !== 'FamilyStays' && type !== 'InvalidParameterValue.InvalidImageFamily') throw error;
    await run.achieve(attribute(run, imageId, silent, { ImageDeprecated: true }));
  }
}

const typeOf = (error: unknown) => (error instanceof ApplicationFailure ? error.type : undefined);

/** Code of the failure that an image is being copied. */
const busyNow = 'ImageIsBusy';

/**
 * An image with this attribute (CVM ModifyImageAttribute), which shows a while after the call.
 *
 * @param how.stays code of the failure when it does not show within the settle window
 * @param how.waits for an image that is being copied, rather than to fail
 */
function attribute(
  run: StepRun,
  imageId: string,
  is: (seen: Image) => boolean,
  change: { ImageFamily?: string; ImageDeprecated?: boolean },
  { stays = 'AttributeStays', waits = false }: { stays?: string; waits?: boolean } = {},
): Goal<Image> {
  const what = Object.keys(change).join(' and ');
  return {
    ...familyImageById(run, imageId),
    title: `${what} of ${imageId}`,
    judge: (seen, acted) => {
      if (!seen) return imageGone(imageId);
      if (is(seen)) return { is: 'done' };
      if (acted) {
        return {
          is: 'missing',
          code: stays,
          message: `${what} of ${imageId} has not changed, though the cloud took it`,
        };
      }
      if (!isBusy(seen)) return { is: 'act' };
      const state = `image ${imageId}: ${seen.ImageState ?? ''}, not to be changed yet`;
      return waits ? { is: 'going', waitingFor: state } : { is: 'wrong', code: busyNow, message: state };
    },
    act: {
      action: 'ModifyImageAttribute',
      repeatable: true,
      call: async () => {
        await run.cloud.call('cvm', 'ModifyImageAttribute', { ImageId: imageId, ...change });
        return undefined;
      },
      lookAgain: imageBusy,
    },
  };
}
