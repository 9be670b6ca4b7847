import { ApplicationFailure, CancellationScope, isCancellation, log, patched } from '@temporalio/workflow';
import {
  type BuildRef,
  currentOf,
  type FamilyImage,
  type FamilyPlace,
  imageCalled,
  previousOf,
  type Promoted,
  type PromotionPlan,
  type ReleaseState,
  type Rollback,
} from '../../contract';
import { now } from '../clock';
import { stepFailure } from '../failures';
import { givingBackShares } from './give-back-shares';
import { activitiesAt, familyDeadlines } from './place';
import type { Unshared } from './unshared';

/** Patch: a promotion that comes to nothing leaves no mark. */
const promotionsAreUndone = 'promotions-are-undone';

/** Patch: once an image is current, the promotion or the rollback is done; what is still to be done about the one before is tried again. */
const movedIsDone = 'moved-is-done';

/** A promotion that whoever asked for it may still give up: up to the moment when the image is the current one. */
export interface Promoting {
  imageId: string;
  scope: CancellationScope;
  isCurrent: boolean;
}

interface Move {
  imageId: string;
  /** What becomes of the image that was current. */
  old: ReleaseState;
  /** Where it may be given up. */
  promoting?: Promoting;
  /** Releases whose image stays current, if it is. */
  unlessCurrent?: string[] | undefined;
  unshared: Unshared;
}

/** What came of it, with the images that are still marked as current, or may answer, though another one is. */
export interface Moved extends Promoted {
  left?: string[] | undefined;
}

/**
 * Makes an image the current one of its family: what is new is marked before what is old is unmarked, so that the family is
 * never without. Asked for what is current already, it only sees to it that nothing else is.
 */
export async function moveCurrent(
  build: BuildRef,
  place: FamilyPlace,
  family: string,
  { imageId, old, promoting, unlessCurrent, unshared }: Move,
): Promise<Moved> {
  const begin = () => makeCurrent(build, place, family, { imageId, old, unlessCurrent, unshared });
  const { plan, at } = await (promoting ? promoting.scope.run(begin) : begin());
  if (promoting) promoting.isCurrent = true;
  const { others: images, shares } = plan;
  const summary = `${idsOf(images).join(', ') || 'nothing'} is no longer current`;
  const demoting = givingBackShares({ build, place, family, imageIds: idsOf(images), shares, unshared }, () =>
    activitiesAt(place, { summary, deadline: familyDeadlines.change }).demoteImages({
      build,
      family,
      current: imageId,
      images,
      state: old,
      shares,
    }),
  );
  const previous = plan.current === imageId ? undefined : plan.current;
  const moved = { imageId, ...(previous === undefined ? {} : { previous }), at };
  try {
    const { notes, later } = await demoting;
    return { ...moved, notes, ...(later ? { later } : {}) };
  } catch (error) {
    // To call that a failure would have somebody repeat it, from the image that is current by now.
    if (isCancellation(error) || !patched(movedIsDone)) throw error;
    const left = idsOf(images);
    const { message } = stepFailure(error);
    const still = `${left.join(', ')} may still be marked as current and answer for ${family}; that is tried again`;
    return { ...moved, notes: [`${imageId} is current, but ${still}: ${message}`], left };
  }
}

/**
 * Lets none but the current image answer for the family.
 *
 * @param left images that were to be marked so, where they are still marked as current
 * @returns those that go on answering, since they are being copied
 */
export async function onlyCurrentAnswers(
  build: BuildRef,
  place: FamilyPlace,
  family: string,
  unshared: Unshared,
  left: { imageIds: string[]; state: ReleaseState } | undefined,
): Promise<string[]> {
  const { look, change } = familyDeadlines;
  const about = { summary: `the images of ${family} in ${place.region}`, deadline: look };
  const { images } = await activitiesAt(place, about).listFamily({ build, family });
  const current = currentOf(images)?.imageId;
  const isLeft = ({ imageId, state }: FamilyImage) => state === 'current' && left?.imageIds.includes(imageId) === true;
  const others = images.filter((one) => one.imageId !== current && (one.answers || isLeft(one)));
  if (current === undefined) {
    // What never was current does not answer, though there be nothing else.
    const about = { summary: `no candidate answers for ${family}`, deadline: change };
    const marks = others
      .filter(({ state }) => state === 'candidate' || state === 'rejected')
      .map(({ imageId, state, since }) =>
        activitiesAt(place, about).markImage({ build, family, imageId, state, since }),
      );
    return (await Promise.all(marks)).flatMap((marked) => marked?.later ?? []);
  }
  if (others.length === 0) return [];
  const { shares } = await activitiesAt(place, {
    summary: `${current}, and what else answers for ${family}`,
    deadline: look,
  }).inspectPromotion({ build, family, imageId: current, othersOnly: true });
  // What is marked as current, too, is for the next promotion to unmark: it knows as what.
  const demoted = others.filter((one) => notMarked(one) || isLeft(one));
  const summary = `only ${current} answers for ${family}`;
  const { later = [] } = await givingBackShares(
    { build, place, family, imageIds: idsOf(demoted), shares, unshared },
    () =>
      activitiesAt(place, { summary, deadline: change }).demoteImages({
        build,
        family,
        current,
        images: demoted,
        state: left?.state ?? 'released',
        shares,
      }),
  );
  return later;
}

const idsOf = (images: FamilyImage[]) => images.map(({ imageId }) => imageId);

const notMarked = ({ state }: FamilyImage) => state !== 'current';

/** Marks the image as current, and lets it answer. When that is refused or given up, the image is again what it was. */
async function makeCurrent(
  build: BuildRef,
  place: FamilyPlace,
  family: string,
  { imageId, old, unlessCurrent, unshared }: Pick<Move, 'imageId' | 'old' | 'unlessCurrent' | 'unshared'>,
): Promise<{ plan: PromotionPlan; at: string }> {
  const { look, change } = familyDeadlines;
  const plan = await activitiesAt(place, {
    summary: `${imageId}, and what is current now`,
    deadline: look,
    // What was taken back is made current again by a rollback to it, and by nothing else.
  }).inspectPromotion({ build, family, imageId, unlessWithdrawn: old !== 'withdrawn', unlessCurrent });
  const at = now();
  const { shares, was } = plan;
  await givingBackShares({ build, place, family, imageIds: [imageId], shares, unshared }, async () => {
    try {
      await activitiesAt(place, {
        summary: `${imageId} becomes the current one of ${family}`,
        deadline: change,
      }).promoteImage({ build, family, imageId, at, shares });
    } catch (error) {
      // First, since a shared image takes no changes.
      if (was && patched(promotionsAreUndone)) {
        await CancellationScope.nonCancellable(() => markAgain(build, place, family, imageId, was));
      }
      throw error;
    }
  });
  return { plan, at };
}

async function markAgain(
  build: BuildRef,
  place: FamilyPlace,
  family: string,
  imageId: string,
  { state, since }: Pick<FamilyImage, 'state' | 'since'>,
): Promise<void> {
  const about = { summary: `${imageId} is ${state} again`, deadline: familyDeadlines.change };
  try {
    await activitiesAt(place, about).markImage({ build, family, imageId, state, since, again: true });
  } catch (error) {
    // Its tag says that it is current, and that is what counts.
    log.warn('a promotion could not be undone', { imageId, error });
  }
}

/**
 * The image that a rollback goes to: the one that was current before, or the one that somebody names. When what it is to take back
 * has been withdrawn meanwhile, it is done already.
 *
 * @throws NothingToRollBackTo, AlreadyCurrent, NotReleased, CurrentHasChanged
 */
export async function rollBackTarget(
  build: BuildRef,
  place: FamilyPlace,
  family: string,
  { to, from }: Pick<Rollback, 'to' | 'from'>,
): Promise<{ imageId: string } | { done: Promoted }> {
  const about = { summary: `the images of ${family} in ${place.region}`, deadline: familyDeadlines.look };
  const { images } = await activitiesAt(place, about).listFamily({ build, family });
  const refused = (type: string, message: string) => {
    const advice = `See what there is: cvm-image family show ${family} --region ${place.region}`;
    return ApplicationFailure.create({ type, message, nonRetryable: true, details: [{ advice }] });
  };
  const current = currentOf(images);
  if (from !== undefined && current && current.imageId !== from) {
    const { imageId, name, since } = current;
    const isWanted = to === undefined || imageCalled([current], to) !== undefined;
    if (isWanted && images.find((one) => one.imageId === from)?.state === 'withdrawn') {
      return { done: { imageId, at: since, notes: [`${from} was taken back already: nothing was changed`] } };
    }
    throw refused(
      'CurrentHasChanged',
      `${imageId} (${name}) has become the current one of ${family} in ${place.region} meanwhile, instead of ${from}: nothing was changed`,
    );
  }
  if (to === undefined) {
    const previous = previousOf(images);
    if (previous) return { imageId: previous.imageId };
    throw refused('NothingToRollBackTo', `no image of ${family} in ${place.region} was current before`);
  }
  const image = imageCalled(images, to);
  if (!image) throw refused('NotOfFamily', `${to} is no image of the family ${family} in ${place.region}`);
  if (image === current) throw refused('AlreadyCurrent', `${to} is the current one already`);
  if (image.state === 'candidate' || image.state === 'rejected') {
    throw refused(
      'NotReleased',
      `${to} is ${image.state === 'rejected' ? 'rejected' : 'a candidate'}, and was never released`,
    );
  }
  return { imageId: image.imageId };
}
