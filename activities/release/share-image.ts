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
export const shareImage = step<Input, Output>('step', async (run, input) => {
  const { family, imageId, accounts, unlessWithdrawn = false } = input;
  await run.achieve<Image>({
    ...familyImageById(run, imageId),
    judge: (seen) => {
      if (!seen) return imageGone(imageId);
      const ours = familyImage(run, family, seen);
      if (!ours) return notOfFamily(imageId, family);
      if (unlessWithdrawn && ours.state === 'withdrawn') return takenBack(imageId);
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

/** It was rolled back while it could not be shared yet: nobody is to get it now. The distribution ends with that. */
const takenBack = (imageId: string) =>
  ({
    is: 'wrong',
    code: 'Withdrawn',
    message: `${imageId} was withdrawn by a rollback: it is shared with nobody`,
    advice: 'If it is wanted after all: cvm-image family rollback --to makes it current; the next release is shared.',
  }) as const;

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
