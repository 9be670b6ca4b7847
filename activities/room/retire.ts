import { planDeletion, type DeletionPlan, type QuotaActivities, tagKeys } from '../../contract';
import { standingOf } from '../build-standing';
import type { Image } from '../cloud/cloud';
import { customImages } from '../cloud/images';
import { tagValue } from '../cloud/tags';
import { goneImage } from '../create-image';
import { detailsOf } from '../describe-image';
import type { StepRun } from '../engine/run';
import { step } from '../engine/step';
import { newestFirst } from '../find-image';
import { goneSnapshot } from '../snapshot-disks';

type InputOf<Name extends keyof QuotaActivities> = Parameters<QuotaActivities[Name]>[0];
type OutputOf<Name extends keyof QuotaActivities> = Awaited<ReturnType<QuotaActivities[Name]>>;

/** How many reasons are told of why images stay. */
const reasonsTold = 5;

/** Says which image of a family may go, the oldest one. Changes nothing. */
export const inspectOldest = step<InputOf<'inspectOldest'>, OutputOf<'inspectOldest'>>(
  'before changes',
  (run, { family }) => whatMayGo(run, family),
);

/**
 * Deletes an image of a family with its snapshots. Which one has been decided before, so that an attempt which follows a lost
 * one does not take another as well; it is looked at again right before.
 */
export const retireOldest = step<InputOf<'retireOldest'>, OutputOf<'retireOldest'>>(
  'before changes',
  async (run, { family, goes }) => {
    const { imageId } = goes;
    const seen = await run.patiently(`image ${imageId}`, () => run.cloud.images.look(imageId));
    if (seen && !(await whatMayGo(run, family, imageId)).goes) return { retired: false };
    await deleteWithSnapshots(run, goes);
    return { retired: true };
  },
);

/**
 * The oldest image of a family that may go. What may never go: the family's current image and the one
 * before it; what this installation did not make, or has not kept for good; what is shared, in use by an instance, or of
 * a build or a run of a pipeline that is not over.
 *
 * @param only looks at this image alone
 */
export async function whatMayGo(
  run: StepRun,
  family: string,
  only?: string,
): Promise<{ goes?: DeletionPlan; why: string }> {
  const all = (await run.patiently('custom images', () => customImages(run.cloud))).filter(isOf(run, family));
  const places = placesIn(all, family);
  const stays: string[] = [];
  for (const image of newestFirst([...all]).reverse()) {
    const imageId = image.ImageId!;
    if (only !== undefined && imageId !== only) continue;
    const reason = places.get(imageId) ?? (await tieOf(run, image));
    if (reason !== undefined) {
      stays.push(`${imageId} ${reason}`);
      continue;
    }
    const { refusals, plan } = planDeletion(await detailsOf(run, image));
    if (!refusals[0]) return { goes: plan, why: `${imageId} is the oldest that may go` };
    stays.push(refusals[0].message);
  }
  const more = stays.length > reasonsTold ? `, and ${stays.length - reasonsTold} more` : '';
  const why =
    all.length === 0
      ? `there is no image of the family ${family} of this installation`
      : `of the family ${family}, ${stays.slice(0, reasonsTold).join(', ')}${more}`;
  return { why };
}

/** An image is of a family when a pipeline says so by its tag, or when the cloud's own ImageFamily does. */
const isOf =
  (run: StepRun, family: string) =>
  ({ Tags, ImageFamily }: Image): boolean => {
    const tag = tagValue(Tags, tagKeys.family);
    return tag === undefined ? ImageFamily === family : tag === `${run.settings.installation}/${family}`;
  };

/**
 * The images that the family stands on, with the reason. By the tags of pipelines, `current` with the latest time, and the last
 * of those that were; by the cloud, which answers for a family with its youngest image, the two youngest.
 */
function placesIn(images: Image[], family: string): Map<string, string> {
  const places = new Map<string, string>();
  const mark = (image: Image | undefined, reason: string) => {
    if (image?.ImageId !== undefined && !places.has(image.ImageId)) places.set(image.ImageId, reason);
  };
  const stated = images
    .map((image) => ({ image, ...stateOf(image) }))
    .sort((a, b) => b.since.localeCompare(a.since) || (a.image.ImageId! < b.image.ImageId! ? -1 : 1));
  const current = stated.find(({ state }) => state === 'current');
  // More than one is marked so while a promotion or a rollback is under way, or when one was interrupted.
  const seconds = stated.filter((one) => one !== current && one.state === 'current');
  const previous = stated.find(({ state }) => state === 'released');
  const [answer, before] = newestFirst(
    images.filter(
      ({ ImageFamily, ImageState, ImageDeprecated }) =>
        ImageFamily === family && ImageState === 'NORMAL' && ImageDeprecated !== true,
    ),
  );
  mark(current?.image, 'is the current one');
  for (const { image } of seconds) mark(image, 'is marked as current as well');
  mark(previous?.image, 'was current before the current one');
  mark(answer, 'is what the cloud answers for the family');
  mark(before, 'is what the cloud would answer next');
  return places;
}

/** What became of an image in its pipeline, and since when: `current/2026-11-25T02:00:00.000Z`. */
function stateOf({ Tags }: Image): { state: string; since: string } {
  const [state = '', since = ''] = (tagValue(Tags, tagKeys.release) ?? '').split('/');
  return { state, since };
}

/** What ties an image to something that is not over, besides what forbids any deletion; undefined when nothing does. */
async function tieOf(run: StepRun, image: Image): Promise<string | undefined> {
  const { ImageState, Tags } = image;
  const { state } = stateOf(image);
  if (ImageState !== 'NORMAL' && ImageState !== 'CREATEFAILED') return `is ${ImageState ?? 'unknown'}`;
  if (!run.isInstallation(tagValue(Tags, tagKeys.build))) return 'was not made by this installation';
  if (tagValue(Tags, tagKeys.state) !== 'kept') return 'is not kept yet by its build';
  const release = tagValue(Tags, tagKeys.run)?.split('/')[0];
  if (release === undefined) return undefined;
  const { is } = await standingOf(run.build.region, release);
  if (is === 'open' || is === 'unknown') return `is of ${release}, which is not known to be over`;
  return is === 'missing' && state === 'candidate'
    ? `is a candidate of ${release}, of which Temporal has no history: a person is to say whether it goes`
    : undefined;
}

async function deleteWithSnapshots(run: StepRun, { imageId, owner, stays, snapshotIds }: DeletionPlan): Promise<void> {
  const goal = goneImage(run, imageId, { withSnapshots: stays.length === 0 });
  await run.achieve({
    ...goal,
    judge: (seen, acted) =>
      seen && tagValue(seen.Tags, tagKeys.build) !== owner
        ? { is: 'wrong', code: 'NotOurs', message: `${imageId} no longer carries the tag of its build` }
        : goal.judge(seen, acted),
  });
  await run.achieveAll(snapshotIds.map((id) => goneSnapshot(run, id)));
}
