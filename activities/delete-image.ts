import { type ImageActivities, planDeletion, type Resource, tagKeys } from '../contract';
import { familyImage } from './cloud/release-tags';
import { tagValue } from './cloud/tags';
import { goneImage } from './create-image';
import { detailsOf } from './describe-image';
import { step } from './engine/step';
import { findImage } from './find-image';
import { goneSnapshot } from './snapshot-disks';

type Activity<Name extends keyof ImageActivities> = ImageActivities[Name];
type InputOf<Name extends keyof ImageActivities> = Parameters<Activity<Name>>[0];
type OutputOf<Name extends keyof ImageActivities> = Awaited<ReturnType<Activity<Name>>>;

/**
 * Looks at everything that speaks against deleting an image, and lists what goes with it. Changes nothing.
 *
 * Refused is what this installation did not make, what an instance was launched from, what is shared (unless it is unshared before it
 * goes), and what is still being built. When `snapshotIds` are given, what somebody agreed to is all that may go.
 */
export const inspectDeletion = step<InputOf<'inspectDeletion'>, OutputOf<'inspectDeletion'>>(
  'before changes',
  async (run, { imageId, snapshotIds, unshares = false }) => {
    const details = await detailsOf(run, await findImage(run, imageId));
    const { refusals, plan } = planDeletion(unshares ? { ...details, sharedWith: [] } : details);
    const [refusal] = refusals;
    if (refusal) throw run.refusal(refusal.code, refusal.message, refusal.advice);
    const unforeseen = plan.snapshotIds.filter((id) => snapshotIds && !snapshotIds.includes(id));
    if (unforeseen.length > 0) {
      throw run.refusal(
        'MoreThanAgreed',
        `${unforeseen.join(', ')} would go with ${imageId} as well, which nobody has agreed to`,
        'Look at the image again and repeat the deletion.',
      );
    }
    const shares = unshares ? { sharedWith: details.sharedWith ?? [] } : {};
    return { ...plan, ...shares, accountId: await run.patiently('account', () => run.cloud.accountId()) };
  },
);

/**
 * Deletes the image, and with it the snapshots bound to it (DeleteBindedSnap) unless one of them is to stay. A Describe
 * proves it. The API itself refuses an image that was shared since it was looked at; one that has become its family's current image
 * since is left alone.
 */
export const deleteImage = step<InputOf<'deleteImage'>, undefined>('step', async (run, { plan }) => {
  const { imageId, name, owner, stays } = plan;
  const goal = goneImage(run, imageId, { withSnapshots: stays.length === 0 });
  await run.achieve({
    ...goal,
    judge: (seen, acted) => {
      if (seen && tagValue(seen.Tags, tagKeys.build) !== owner) {
        return { is: 'wrong', code: 'NotOurs', message: `${imageId} (${name}) no longer carries the tag of its build` };
      }
      const member = seen && familyImage(run, undefined, seen);
      if (member?.state !== 'current') return goal.judge(seen, acted);
      return {
        is: 'wrong',
        code: 'IsCurrent',
        message: `${imageId} (${name}) has become the current image of the family ${member.family} since it was looked at`,
        advice: 'Promote another release or roll back, and delete it then.',
      };
    },
  });
  return undefined;
});

/** Deletes the snapshots of an image that is gone, as far as they are still there, until a Describe proves it. */
export const deleteSnapshots = step<InputOf<'deleteSnapshots'>, OutputOf<'deleteSnapshots'>>(
  'undo',
  async (run, { snapshotIds }) => {
    await run.achieveAll(snapshotIds.map((id) => goneSnapshot(run, id)));
    return { resources: snapshotIds.map((id): Resource => ({ type: 'snapshot', id, fate: 'deleted' })) };
  },
);
