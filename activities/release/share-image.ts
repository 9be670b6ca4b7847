import { ApplicationFailure } from '@temporalio/activity';
import type { DistributionActivities, Problem } from '../../contract';
import type { Image } from '../cloud/cloud';
import { accountsSharedWith } from '../cloud/images';
import { familyImage } from '../cloud/release-tags';
import type { About } from '../engine/failures';
import type { StepRun } from '../engine/run';
import { step } from '../engine/step';
import { familyImageById, imageGone, notOfFamily } from './family-images';
import { sharedWith } from './shares';

type Input = Parameters<DistributionActivities['shareImage']>[0];
type Output = Awaited<ReturnType<DistributionActivities['shareImage']>>;

/**
 * Shares an image of the family with accounts (CVM ModifyImageSharePermission, within the region of the image). All in one
 * call; when that is refused, each by itself, so that one account that does not exist keeps nobody else from it. The undo is
 * `unshareImage`.
 */
export const shareImage = step<Input, Output>('step', async (run, { family, imageId, accounts }) => {
  await run.achieve<Image>({
    ...familyImageById(run, imageId),
    judge: (seen) => {
      if (!seen) return imageGone(imageId);
      if (!familyImage(run, family, seen)) return notOfFamily(imageId, family);
      // While it is copied elsewhere it is SYNCING, and cannot be shared.
      return seen.ImageState === 'NORMAL'
        ? { is: 'done' }
        : { is: 'going', waitingFor: `image ${imageId}: ${seen.ImageState ?? 'unknown'}, not to be shared yet` };
    },
  });
  const notShared: Output['notShared'] = [];
  if (await refusalOf(run, imageId, accounts)) {
    for (const account of accounts) {
      const problem = await refusalOf(run, imageId, [account]);
      if (problem) notShared.push({ account, ...problem });
    }
  }
  const now = await run.patiently(`shares of ${imageId}`, () => accountsSharedWith(run.cloud, imageId));
  return { sharedWith: accounts.filter((one) => now.includes(one)), notShared };
});

/** Why the cloud does not let an image be shared with these accounts; undefined once it is. What passes by itself is no reason. */
async function refusalOf(run: StepRun, imageId: string, accounts: string[]): Promise<Problem | undefined> {
  try {
    await run.achieve(sharedWith(run, imageId, accounts, true));
    return undefined;
  } catch (error) {
    if (!(error instanceof ApplicationFailure) || error.nonRetryable !== true || error.type === 'DeadlineExceeded')
      throw error;
    const [about] = (error.details ?? []) as [About?];
    return { code: error.type ?? 'Error', message: error.message, ...about };
  }
}
