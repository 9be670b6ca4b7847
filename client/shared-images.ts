import type { Client } from '@temporalio/client';
import type { DescribeImageInput, FamilyImage } from '../contract';
import { describeImage } from './images';
import type { StartOptions } from './start-build';

/** An image, and the accounts that it is shared with. */
export interface SharedImage {
  imageId: string;
  name: string;
  accounts: string[];
}

/**
 * The images of a family that the cloud's own ImageFamily is changed of when one of them becomes current, and that are shared:
 * for the change they are unshared, and shared again afterwards.
 *
 * @param to what becomes current; undefined when it is not there yet
 * @throws {ImageQuestionError} when the cloud refuses
 */
export async function sharedThatChange(
  client: Client,
  place: Omit<DescribeImageInput, 'image'>,
  images: FamilyImage[],
  to: FamilyImage | undefined,
  options: StartOptions = {},
): Promise<SharedImage[]> {
  const changing = images.filter((one) => (one === to ? !one.answers : one.answers));
  const described = await Promise.all(
    changing.map(async ({ imageId, name }) => {
      const { sharedWith = [] } = await describeImage(client, { ...place, image: imageId }, options);
      return { imageId, name, accounts: sharedWith };
    }),
  );
  return described.filter(({ accounts }) => accounts.length > 0);
}
