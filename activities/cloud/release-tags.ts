import { type FamilyImage, type ReleaseState, tagKeys } from '../../contract';
import type { StepRun } from '../engine/run';
import type { Image } from './cloud';
import { tagValue } from './tags';

/** The tags of an image that a pipeline makes, from the moment it is made. */
export function candidateTags(
  run: StepRun,
  { family, release, nominalAt }: { family: string; release: string; nominalAt: string },
): Record<string, string> {
  return {
    [tagKeys.family]: familyTag(run, family),
    [tagKeys.release]: releaseTag('candidate', nominalAt),
    [tagKeys.run]: `${release}/${nominalAt}`,
  };
}

/** Value of the tag that says which family an image is of: families of other installations are none of ours. */
export const familyTag = (run: StepRun, family: string) => `${run.settings.installation}/${family}`;

/** Value of the tag that says what became of a release's image. */
export const releaseTag = (state: ReleaseState, since: string) => `${state}/${since}`;

const states: Record<ReleaseState, true> = {
  candidate: true,
  current: true,
  released: true,
  withdrawn: true,
  rejected: true,
};

/**
 * An image as one of the family (or of any); undefined when its tags say that it is of no family of this installation, or
 * nothing that could be read.
 */
export function familyImage(run: StepRun, wanted: string | undefined, image: Image): FamilyImage | undefined {
  const { ImageId, ImageName = '', ImageState = 'unknown', CreatedTime, Tags } = image;
  const tag = tagValue(Tags, tagKeys.family);
  if (tag === undefined || !run.isInstallation(tag)) return undefined;
  const family = tag.slice(tag.lastIndexOf('/') + 1);
  if (wanted !== undefined && family !== wanted) return undefined;
  const owner = tagValue(Tags, tagKeys.build);
  if (ImageId === undefined || owner === undefined || !run.isInstallation(owner)) return undefined;
  const [state, since] = parted(tagValue(Tags, tagKeys.release));
  const [release, nominalAt] = parted(tagValue(Tags, tagKeys.run));
  if (state === undefined || since === undefined || !Object.hasOwn(states, state)) return undefined;
  if (release === undefined || nominalAt === undefined) return undefined;
  const fingerprint = tagValue(Tags, tagKeys.source);
  return {
    family,
    imageId: ImageId,
    name: ImageName,
    imageState: ImageState,
    createdAt: CreatedTime,
    buildId: owner.slice(owner.lastIndexOf('/') + 1),
    release,
    nominalAt,
    state: state as ReleaseState,
    since,
    answers: answersFor(family, image),
    ...(fingerprint === undefined ? {} : { fingerprint }),
  };
}

/** Whether DescribeImageFromFamily may answer with an image. */
export const answersFor = (family: string, { ImageFamily, ImageDeprecated }: Image) =>
  ImageFamily === family && ImageDeprecated !== true;

/** `word/time`, where the time can be read. */
function parted(value: string | undefined): [string?, string?] {
  const [, word, time] = /^([^/]+)\/(.+)$/.exec(value ?? '') ?? [];
  return word === undefined || time === undefined || Number.isNaN(Date.parse(time)) ? [] : [word, time];
}
