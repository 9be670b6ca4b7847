import { type ImageSummary, type Maker, tagKeys } from '../contract';
import type { Image } from './cloud/cloud';
import { customImages } from './cloud/images';
import { tagValue } from './cloud/tags';
import type { StepRun } from './engine/run';

const idPattern = /^img-[0-9a-z]{8}$/;
const familyPrefix = 'family:';

/**
 * The image that people mean: by its ID, its exact name, or `family:NAME`, the newest usable image of a family.
 *
 * @throws ImageNotFound
 */
export async function findImage(run: StepRun, text: string): Promise<Image> {
  const image = await run.patiently(`image ${text}`, () => lookFor(run, text));
  if (image) return image;
  const { region } = run.build;
  throw run.refusal(
    'ImageNotFound',
    text.startsWith(familyPrefix)
      ? `there is no usable image of the family ${text.slice(familyPrefix.length)} in ${region}`
      : `there is no image ${text} in ${region}`,
    `See which there are: cvm-image images --region ${region}`,
  );
}

async function lookFor(run: StepRun, text: string): Promise<Image | undefined> {
  if (idPattern.test(text)) return run.cloud.images.look(text);
  if (!text.startsWith(familyPrefix)) return run.cloud.imageByName(text);
  const family = text.slice(familyPrefix.length);
  const usable = (await customImages(run.cloud)).filter(
    (image) => image.ImageFamily === family && image.ImageState === 'NORMAL' && image.ImageDeprecated !== true,
  );
  return newestFirst(usable)[0];
}

/** Images by their time of creation, which is ISO 8601 in UTC and so sorts as text. */
export const newestFirst = (images: Image[]): Image[] =>
  images.sort((a, b) => (b.CreatedTime ?? '').localeCompare(a.CreatedTime ?? ''));

/** The build that made a resource, by its tag (or that stopped it: the restore tag); undefined for what no build touched. */
export function makerOf(run: StepRun, tags: Image['Tags'], key: string = tagKeys.build): Maker | undefined {
  const owner = tagValue(tags, key);
  // The build ID is the last part: an installation's name may have anything in it.
  const [, installation, buildId] = /^(.+)\/([^/]+)$/.exec(owner ?? '') ?? [];
  if (installation === undefined || buildId === undefined) return undefined;
  return { installation, buildId, ours: installation === run.settings.installation };
}

/** The API writes what is not set as an empty text. */
export const nonEmpty = (text: string | undefined) => (text === '' ? undefined : text);

/** An image in our words. */
export function summaryOf(run: StepRun, image: Image): ImageSummary {
  return {
    imageId: image.ImageId!,
    name: image.ImageName ?? '',
    state: image.ImageState ?? 'unknown',
    size: image.ImageSize ?? 0,
    family: nonEmpty(image.ImageFamily),
    createdAt: image.CreatedTime,
    madeBy: makerOf(run, image.Tags),
    fate: tagValue(image.Tags, tagKeys.state),
  };
}
