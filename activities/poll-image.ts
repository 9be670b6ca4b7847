import type { BuildActivities, ImageFacts } from '../contract';
import type { Image } from './cloud/cloud';
import type { StepRun } from './engine/run';
import { step } from './engine/step';

type Input = Parameters<BuildActivities['pollImage']>[0];
type Output = Awaited<ReturnType<BuildActivities['pollImage']>>;

/**
 * Waits until the image is NORMAL, the commit point of the build. CREATEFAILED ends it at once: it never becomes NORMAL.
 *
 * The API has no percentage for a CREATING image. The snapshots that the cloud makes for it have one, so that is shown
 * where they are visible. The step changes nothing, so there is nothing to undo.
 */
export const pollImage = step<Input, Output>('step', async (run, { imageId }) => {
  let percent: number | undefined;
  // An image of finished snapshots has nothing to tell: asking about them once is enough.
  let telling = true;
  const image = await run.achieve<Image>({
    title: `image ${imageId}`,
    look: async () => {
      const seen = await run.cloud.images.look(imageId);
      if (seen?.ImageState === 'CREATING' && telling) {
        percent = await percentOf(run, seen);
        telling = percent !== undefined || seen.SnapshotSet?.length === 0;
      }
      return seen;
    },
    watch: () => ({ on: run.cloud.images, id: imageId }),
    judge: (seen) => {
      if (!seen)
        return {
          is: 'missing',
          code: 'ImageGone',
          message: `image ${imageId} is gone: somebody else deleted it`,
          advice: 'Find out who deletes images, and build again.',
        };
      if (seen.ImageState === 'NORMAL') return { is: 'done' };
      if (seen.ImageState === 'CREATEFAILED') {
        return {
          is: 'wrong',
          code: 'ImageCreateFailed',
          message: `the cloud could not create image ${imageId} (CREATEFAILED)`,
          advice: 'Try again; if it fails again, ask Tencent Cloud support with the image ID.',
        };
      }
      return { is: 'going', waitingFor: `image ${imageId}: ${seen.ImageState ?? 'unknown'}`, percent };
    },
  });
  return imageFacts(image!);
});

/** What a build says of its image once that is usable. */
export const imageFacts = ({ ImageId, ImageName, ImageSize, SnapshotSet }: Image): ImageFacts => ({
  imageId: ImageId!,
  name: ImageName!,
  size: ImageSize!,
  snapshotIds: (SnapshotSet ?? []).map(({ SnapshotId }) => SnapshotId!),
});

/** Mean percentage of the snapshots that are being made for an image; undefined when none is visible or all are done. */
async function percentOf(run: StepRun, image: Image): Promise<number | undefined> {
  const ids = (image.SnapshotSet ?? []).map(({ SnapshotId }) => SnapshotId!);
  const snapshots = (await Promise.all(ids.map((id) => run.cloud.snapshots.look(id)))).filter(
    (one) => one !== undefined,
  );
  if (!snapshots.some(({ SnapshotState }) => SnapshotState === 'CREATING')) return undefined;
  const percents = snapshots.map(({ Percent = 0 }) => Percent);
  return percents.reduce((sum, one) => sum + one, 0) / percents.length;
}
