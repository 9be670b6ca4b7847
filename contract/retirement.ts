import { formatSeconds } from './duration';
import { currentOf, type FamilyImage, previousOf, type Retirement } from './family';

/** What forbids the deletion of an image besides its place in the family. */
export interface Ties {
  /** Instances that were launched from it. */
  instances: string[];
  /** Why nobody can say that the run of the pipeline that made it is over; undefined when it is. */
  run: string | undefined;
}

export interface Fate {
  image: FamilyImage;
  goes: boolean;
  /** Why it goes or stays. */
  reason: string;
}

/**
 * What is to go of a family in one region, and why each image goes or stays. The newest N stay and all that are younger than
 * D, counted from when their runs were due; candidates that did not make it do not count among them.
 */
export function planRetirement(
  images: FamilyImage[],
  { keep, youngerThan, keepRejected, now }: Pick<Retirement, 'keep' | 'youngerThan' | 'keepRejected' | 'now'>,
  tiesOf: (image: FamilyImage) => Ties,
): Fate[] {
  const [current, previous] = [currentOf(images), previousOf(images)];
  const age = ({ nominalAt }: FamilyImage) => (Date.parse(now) - Date.parse(nominalAt)) / 1000;
  const releases = images
    .filter(isReleased)
    .sort((a, b) => b.nominalAt.localeCompare(a.nominalAt) || b.since.localeCompare(a.since));
  const newest = new Set(releases.slice(0, keep));
  return images.map((image): Fate => {
    const stays = (reason: string): Fate => ({ image, goes: false, reason });
    const goes = (reason: string): Fate => {
      const { instances } = tiesOf(image);
      return instances.length > 0
        ? stays(`${reason}, but ${instances.join(', ')} ${instances.length === 1 ? 'uses' : 'use'} it`)
        : { image, goes: true, reason };
    };
    if (image === current) return stays('it is the current one');
    if (image === previous) return stays('it was current before the current one');
    if (image.state === 'current') return stays('it is marked as current as well: see cvm-image family show');
    const old = `${formatSeconds(age(image))} old`;
    if (!isReleased(image)) {
      const { run } = tiesOf(image);
      if (image.state === 'candidate' && run !== undefined) return stays(run);
      const what = image.state === 'rejected' ? 'rejected' : 'a candidate of a run that is over';
      return age(image) >= keepRejected
        ? goes(`${what}, ${old}`)
        : stays(`${what}, ${old}: kept for ${formatSeconds(keepRejected)}`);
    }
    if (keep === undefined) return stays('releases are not retired (retire.keep)');
    if (newest.has(image)) return stays(`it is one of the newest ${keep}`);
    if (age(image) < youngerThan) return stays(`${old}: younger than ${formatSeconds(youngerThan)}`);
    return goes(`${old}, not one of the newest ${keep}`);
  });
}

/** Whether an image is a release: it was current once. */
export const isReleased = ({ state }: FamilyImage) => state !== 'candidate' && state !== 'rejected';
