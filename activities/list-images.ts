import type { ImageActivities } from '../contract';
import { accountsSharedWith, customImages } from './cloud/images';
import { CloudError } from './cloud/errors';
import { step } from './engine/step';
import { newestFirst, summaryOf } from './find-image';

type Input = Parameters<ImageActivities['listImages']>[0];
type Output = Awaited<ReturnType<ImageActivities['listImages']>>;

/**
 * Lists the custom images of the account in the region, the newest first. Changes nothing.
 *
 * Whom an image is shared with takes one DescribeImageSharePermission each; the request budget spreads them.
 */
export const listImages = step<Input, Output>('before changes', async (run, { family, shares }) => {
  const all = await run.patiently('custom images', () => customImages(run.cloud));
  const wanted = family === undefined ? all : all.filter(({ ImageFamily }) => ImageFamily === family);
  const images = newestFirst(wanted).map((image) => summaryOf(run, image));
  if (!shares) return { images };
  const shared = await Promise.all(
    images.map(({ imageId }) =>
      run.patiently(`shares of ${images.length} images`, async () => {
        try {
          return await accountsSharedWith(run.cloud, imageId);
        } catch (error) {
          // Deleted by somebody since the list was read.
          if (error instanceof CloudError && error.code === 'InvalidImageId.NotFound') return undefined;
          throw error;
        }
      }),
    ),
  );
  return { images: images.flatMap((image, at) => (shared[at] ? [{ ...image, sharedWith: shared[at] }] : [])) };
});
