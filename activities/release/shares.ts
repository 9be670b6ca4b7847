import { ApplicationFailure } from '@temporalio/activity';
import type { ReleaseActivities } from '../../contract';
import { accountsSharedWith } from '../cloud/images';
import { familyImage } from '../cloud/release-tags';
import type { Goal } from '../engine/goal';
import type { StepRun } from '../engine/run';
import { step } from '../engine/step';
import { notOfFamily } from './family-images';

type InputOf<Name extends keyof ReleaseActivities> = Parameters<ReleaseActivities[Name]>[0];
type OutputOf<Name extends keyof ReleaseActivities> = Awaited<ReturnType<ReleaseActivities[Name]>>;

/**
 * Takes all shares of an image of the family back, so that it can be deleted: the API refuses an image that is shared. What
 * others launched from it is not touched by that.
 */
export const unshareImage = step<InputOf<'unshareImage'>, OutputOf<'unshareImage'>>(
  'step',
  async (run, { family, imageId }) => {
    const seen = await run.patiently(`image ${imageId}`, () => run.cloud.images.look(imageId));
    if (!seen) return { accounts: [] };
    if (!familyImage(run, family, seen)) {
      const { code, message, advice } = notOfFamily(imageId, family);
      throw run.refusal(code, message, advice);
    }
    const accounts = await run.patiently(`shares of ${imageId}`, () => accountsSharedWith(run.cloud, imageId));
    await run.achieve(sharedWith(run, imageId, accounts, false));
    return { accounts };
  },
);

/**
 * That an image is shared with all of these accounts, or with none of them (CVM ModifyImageSharePermission). Sharing twice
 * is an error of the API, so only what is missing is asked for.
 */
export function sharedWith(run: StepRun, imageId: string, accounts: string[], wanted: boolean): Goal<string[]> {
  const open = (now: string[]) => accounts.filter((one) => now.includes(one) !== wanted);
  let change: string[] = [];
  return {
    title: `shares of ${imageId}`,
    look: () => accountsSharedWith(run.cloud, imageId),
    judge: (now = [], acted) => {
      change = open(now);
      if (change.length === 0) return { is: 'done' };
      return acted ? { is: 'going', waitingFor: `shares of ${imageId}: to show` } : { is: 'act' };
    },
    act: {
      action: 'ModifyImageSharePermission',
      repeatable: true,
      call: async () => {
        await run.cloud.call('cvm', 'ModifyImageSharePermission', {
          ImageId: imageId,
          AccountIds: change,
          Permission: wanted ? 'SHARE' : 'CANCEL',
        });
        return undefined;
      },
      // An image that is being copied takes no changes for a while.
      lookAgain: /^(FailedOperation\.AccountAlreadyExists|InvalidParameterValue\.InvalidImageState)/,
    },
  };
}

/**
 * Makes a change that the API refuses for a shared image: the shares are taken back, the change is made, the shares are given
 * again, also when the change is refused. Which shares there were is known from before, so that an attempt that comes after a
 * lost one gives back what that took.
 */
export async function whileUnshared(
  run: StepRun,
  imageId: string,
  accounts: string[],
  change: { due: () => Promise<boolean>; make: () => Promise<void> },
): Promise<void> {
  let refused: unknown;
  if (await change.due()) {
    if (accounts.length > 0) await run.achieve(sharedWith(run, imageId, accounts, false));
    try {
      await change.make();
    } catch (error) {
      if (!(error instanceof ApplicationFailure)) throw error;
      refused = error;
    }
  }
  if (accounts.length > 0) await run.achieve(sharedWith(run, imageId, accounts, true));
  if (refused !== undefined) throw refused as Error;
}
