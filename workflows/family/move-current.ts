import { ApplicationFailure } from '@temporalio/workflow';
import {
  type BuildRef,
  currentOf,
  type FamilyPlace,
  previousOf,
  type Promoted,
  type ReleaseState,
} from '../../contract';
import { now } from '../clock';
import { activitiesAt, familyDeadlines } from './place';

/**
 * Makes an image the current one of its family: what is new is marked before what is old is unmarked, so that the family is
 * never without. Asked for what is current already, it only sees to it that nothing else is.
 *
 * @param to.old what becomes of the image that was current
 */
export async function moveCurrent(
  build: BuildRef,
  place: FamilyPlace,
  family: string,
  { imageId, old }: { imageId: string; old: ReleaseState },
): Promise<Promoted> {
  const { look, change } = familyDeadlines;
  const plan = await activitiesAt(place, {
    summary: `${imageId}, and what is current now`,
    deadline: look,
  }).inspectPromotion({ build, family, imageId });
  const at = now();
  await activitiesAt(place, {
    summary: `${imageId} becomes the current one of ${family}`,
    deadline: change,
  }).promoteImage({ build, family, imageId, at, shares: plan.shares });
  const summary = `${plan.others.map((one) => one.imageId).join(', ') || 'nothing'} is no longer current`;
  const { notes } = await activitiesAt(place, { summary, deadline: change }).demoteImages({
    build,
    family,
    current: imageId,
    images: plan.others,
    state: old,
    shares: plan.shares,
  });
  const previous = plan.current === imageId ? undefined : plan.current;
  return { imageId, ...(previous === undefined ? {} : { previous }), at, notes };
}

/**
 * The image that a rollback goes to: the one that was current before, or the one that somebody names.
 *
 * @throws NothingToRollBackTo, AlreadyCurrent, NotReleased
 */
export async function rollBackTarget(
  build: BuildRef,
  place: FamilyPlace,
  family: string,
  to: string | undefined,
): Promise<string> {
  const about = { summary: `the images of ${family} in ${place.region}`, deadline: familyDeadlines.look };
  const { images } = await activitiesAt(place, about).listFamily({ build, family });
  const refused = (type: string, message: string) => {
    const advice = `See what there is: cvm-image family show ${family} --region ${place.region}`;
    return ApplicationFailure.create({ type, message, nonRetryable: true, details: [{ advice }] });
  };
  if (to === undefined) {
    const previous = previousOf(images);
    if (previous) return previous.imageId;
    throw refused('NothingToRollBackTo', `no image of ${family} in ${place.region} was current before`);
  }
  const image = images.find((one) => one.imageId === to || one.name === to);
  if (!image) throw refused('NotOfFamily', `${to} is no image of the family ${family} in ${place.region}`);
  if (image === currentOf(images)) throw refused('AlreadyCurrent', `${to} is the current one already`);
  if (image.state === 'candidate' || image.state === 'rejected') {
    throw refused(
      'NotReleased',
      `${to} is ${image.state === 'rejected' ? 'rejected' : 'a candidate'}, and was never released`,
    );
  }
  return image.imageId;
}
