import type { BuildActivities } from '../contract';
import { step } from './engine/step';

type Input = Parameters<BuildActivities['checkQuota']>[0];
type Output = Awaited<ReturnType<BuildActivities['checkQuota']>>;

/**
 * Checks that the region has room for one more custom image, before the source is touched.
 *
 * CVM DescribeImageQuota answers the total, so the custom images that exist, CREATING ones included, are counted against
 * it. An image that an earlier run of this build already made is the one there is to be room for. The API has no figure
 * for the snapshot quota. Changes nothing.
 */
export const checkQuota = step<Input, Output>('before changes', async (run, { imageName }) => {
  const { used, total } = await run.patiently('image quota', () => run.cloud.roomForImages());
  if (used < total) return { images: { used, total } };

  const { ImageSet = [] } = await run.patiently('custom images', () =>
    run.cloud.call('cvm', 'DescribeImages', { ...privateImages, Limit: 100 }),
  );
  if (ImageSet.some((image) => image.ImageName === imageName && run.owns(image.Tags)))
    return { images: { used, total } };
  const oldest = ImageSet.sort((a, b) => (a.CreatedTime ?? '').localeCompare(b.CreatedTime ?? ''))
    .slice(0, 3)
    .map(
      (image) => `${image.ImageId ?? ''} ${image.ImageName ?? ''} (${image.CreatedTime?.slice(0, 10) ?? 'no date'})`,
    );
  throw run.refusal(
    'ImageQuotaLimitExceeded',
    `${run.build.region} has ${used} of ${total} custom images: there is no room for one more. The oldest: ${oldest.join(', ')}`,
    'Delete custom images that are no longer needed, or have the quota raised.',
  );
});

/** The custom images of the account. */
export const privateImages = { Filters: [{ Name: 'image-type', Values: ['PRIVATE_IMAGE'] }] };
