import type { Cloud, Image, Instance, Snapshot } from './cloud';

/** The most that one Describe request answers. */
export const pageSize = 100;

/** What the cloud says to a change of an image that is being copied, or made: it passes. */
export const imageBusy =
  /^(InvalidImageId\.IncorrectState|FailedOperation\.InvalidImageState|InvalidParameterValue\.InvalidImageState)/;

/** All answers of a Describe, page by page. */
export async function allPages<T>(page: (offset: number) => Promise<T[]>): Promise<T[]> {
  const all: T[] = [];
  for (;;) {
    const some = await page(all.length);
    all.push(...some);
    if (some.length < pageSize) return all;
  }
}

/** All custom images of the account in the region (DescribeImages, `image-type` PRIVATE_IMAGE). */
export const customImages = (cloud: Cloud): Promise<Image[]> =>
  allPages(async (Offset) => {
    const Filters = [{ Name: 'image-type', Values: ['PRIVATE_IMAGE'] }];
    return (await cloud.call('cvm', 'DescribeImages', { Filters, Offset, Limit: pageSize })).ImageSet ?? [];
  });

/**
 * The instances that were launched from an image, and may still need it. DescribeInstances has no filter for the image, so
 * all instances of the region are looked through. What never came up, or is on its way out for good, needs no image.
 */
export async function instancesOfImage(cloud: Cloud, imageId: string): Promise<Instance[]> {
  const all = await allPages(
    async (Offset) => (await cloud.call('cvm', 'DescribeInstances', { Offset, Limit: pageSize })).InstanceSet ?? [],
  );
  const doomed = ['TERMINATING', 'LAUNCH_FAILED'];
  return all.filter((one) => one.ImageId === imageId && !doomed.includes(one.InstanceState ?? ''));
}

/**
 * The account's own snapshots that carry this tag value. DescribeSnapshots has no filter for tags, so all snapshots of the
 * region are looked through. Without those that are deleted.
 */
export async function snapshotsByTag(cloud: Cloud, key: string, value: string): Promise<Snapshot[]> {
  const all = await allPages(async (Offset) => {
    const Filters = [{ Name: 'snapshot-type', Values: ['PRIVATE_SNAPSHOT'] }];
    return (await cloud.call('cbs', 'DescribeSnapshots', { Filters, Offset, Limit: pageSize })).SnapshotSet ?? [];
  });
  return withoutDeleted(all).filter(({ Tags = [] }) => Tags.some((tag) => tag.Key === key && tag.Value === value));
}

/** A snapshot that was deleted may be described for a while, as TORECYCLE: it counts as gone. */
export const withoutDeleted = (snapshots: Snapshot[]): Snapshot[] =>
  snapshots.filter(({ SnapshotState }) => SnapshotState !== 'TORECYCLE');

/** The accounts that an image is shared with (DescribeImageSharePermission, which takes one image). */
export async function accountsSharedWith(cloud: Cloud, imageId: string): Promise<string[]> {
  const { SharePermissionSet = [] } = await cloud.call('cvm', 'DescribeImageSharePermission', { ImageId: imageId });
  return SharePermissionSet.map(({ AccountId }) => AccountId!);
}
