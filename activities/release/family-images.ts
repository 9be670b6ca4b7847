import { type FamilyImage, type ReleaseActivities, tagKeys } from '../../contract';
import type { Image } from '../cloud/cloud';
import { allPages, pageSize } from '../cloud/images';
import { familyImage, familyTag } from '../cloud/release-tags';
import type { Goal } from '../engine/goal';
import type { StepRun } from '../engine/run';
import { step } from '../engine/step';

type InputOf<Name extends keyof ReleaseActivities> = Parameters<ReleaseActivities[Name]>[0];
type OutputOf<Name extends keyof ReleaseActivities> = Awaited<ReturnType<ReleaseActivities[Name]>>;

/** Lists the images of a family (or of all) in the region, the newest run first. The tags are the truth. Changes nothing. */
export const listFamily = step<InputOf<'listFamily'>, OutputOf<'listFamily'>>(
  'before changes',
  async (run, { family }) => ({
    accountId: await run.patiently('account', () => run.cloud.accountId()),
    images: await imagesOfFamily(run, family),
  }),
);

/** The images of a family in the region: what carries the installation's tag of the family, and tags that can be read. */
export async function imagesOfFamily(run: StepRun, family: string | undefined): Promise<FamilyImage[]> {
  const ours =
    family === undefined
      ? { Name: 'tag-key', Values: [tagKeys.family] }
      : { Name: `tag:${tagKeys.family}`, Values: [familyTag(run, family)] };
  const Filters = [{ Name: 'image-type', Values: ['PRIVATE_IMAGE'] }, ours];
  const images = await run.patiently(family === undefined ? 'image families' : `images of family ${family}`, () =>
    allPages(
      async (Offset) =>
        (await run.cloud.call('cvm', 'DescribeImages', { Filters, Offset, Limit: pageSize })).ImageSet ?? [],
    ),
  );
  return images
    .flatMap((image) => familyImage(run, family, image) ?? [])
    .sort((a, b) => b.nominalAt.localeCompare(a.nominalAt) || b.since.localeCompare(a.since));
}

/** The parts of a goal that look at one image by its ID. */
export function familyImageById(run: StepRun, imageId: string): Pick<Goal<Image>, 'title' | 'look' | 'watch'> {
  return {
    title: `image ${imageId}`,
    look: () => run.cloud.images.look(imageId),
    watch: () => ({ on: run.cloud.images, id: imageId }),
  };
}

export const imageGone = (imageId: string) =>
  ({ is: 'missing', code: 'ImageGone', message: `image ${imageId} is gone: somebody has deleted it` }) as const;

export const notOfFamily = (imageId: string, family: string) =>
  ({
    is: 'wrong',
    code: 'NotOfFamily',
    message: `${imageId} carries no tags of a release of the family ${family} by this installation`,
    advice: 'Only what a pipeline of this installation made is promoted and retired: see cvm-image family show.',
  }) as const;
