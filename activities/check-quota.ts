import type { BuildActivities, RoomAnswer, RoomWish } from '../contract';
import type { StepRun } from './engine/run';
import { step } from './engine/step';
import { askForRoom } from './room/ask';

type Input = Parameters<BuildActivities['checkQuota']>[0];
type Output = Awaited<ReturnType<BuildActivities['checkQuota']>>;

/**
 * Sees to it that the region has room for one more custom image, before the source is touched: asks for a slot of its image
 * quota, which the build then has to its end. Without a `room` it only looks.
 *
 * CVM DescribeImageQuota answers the total, so the custom images that exist, CREATING ones included, are counted against
 * it, and the slots that others have. An image that an earlier run of this build already made is the one there is to be
 * room for. The API has no figure for the snapshot quota. Changes nothing in the cloud, except for a build that says
 * `retire-oldest`.
 */
export const checkQuota = step<Input, Output>('before changes', async (run, { imageName, room }) => {
  if (room) return reserve(run, room);
  const { used, total } = await run.patiently('image quota', () => run.cloud.roomForImages());
  if (used < total) return { images: { used, total } };
  const images = await imagesNow(run);
  if (images.some((image) => image.ImageName === imageName && run.owns(image.Tags))) return { images: { used, total } };
  throw full(run, `${used} of ${total} custom images`, images);
});

async function reserve(run: StepRun, room: RoomWish): Promise<Output> {
  const answer = await askForRoom(run, room);
  switch (answer.is) {
    case 'granted':
      return { images: answer.images };
    case 'queued': {
      const { images, position, why } = answer;
      return { images, queued: { position, owner: run.owner, why } };
    }
    case 'full':
      throw full(run, numbersOf(answer), await imagesNow(run));
    case 'failed':
      throw run.refusal(answer.code, answer.message, answer.advice, answer.requestId);
  }
}

function numbersOf({ images: { used, total }, promised, waiting }: RoomAnswer & { is: 'full' }): string {
  const slots = promised === 0 ? '' : `, ${promised} more ${promised === 1 ? 'is' : 'are'} being built`;
  const queue = waiting === 0 ? '' : `, ${waiting} ${waiting === 1 ? 'build waits' : 'builds wait'} for room`;
  return `${used} of ${total} custom images${slots}${queue}`;
}

type Images = Awaited<ReturnType<typeof imagesNow>>;

async function imagesNow(run: StepRun) {
  const { ImageSet = [] } = await run.patiently('custom images', () =>
    run.cloud.call('cvm', 'DescribeImages', { ...privateImages, Limit: 100 }),
  );
  return ImageSet;
}

function full(run: StepRun, numbers: string, images: Images): Error {
  const oldest = images
    .sort((a, b) => (a.CreatedTime ?? '').localeCompare(b.CreatedTime ?? ''))
    .slice(0, 3)
    .map(
      (image) => `${image.ImageId ?? ''} ${image.ImageName ?? ''} (${image.CreatedTime?.slice(0, 10) ?? 'no date'})`,
    );
  const shown = oldest.length === 0 ? '' : `. The oldest: ${oldest.join(', ')}`;
  return run.refusal(
    'ImageQuotaLimitExceeded',
    `${run.build.region} has ${numbers}: there is no room for one more${shown}`,
    'Delete custom images that are no longer needed, have the quota raised, or let the build wait for room (room.whenFull).',
  );
}

/** The custom images of the account. */
export const privateImages = { Filters: [{ Name: 'image-type', Values: ['PRIVATE_IMAGE'] }] };
