import type { Cloud, Disk, Image, Instance, Snapshot } from './cloud';
import { allPages, pageSize, withoutDeleted } from './images';
import { tagValue } from './tags';

/** Everything of the region that carries a tag of this value, by kind. */
export interface Tagged {
  images: Image[];
  snapshots: Snapshot[];
  instances: Instance[];
  disks: Disk[];
}

/**
 * What carries a tag, whoever set it. Images, instances and disks by the filter `tag:KEY`; DescribeSnapshots has no filter for
 * tags, so all snapshots of the account's own in the region are looked through.
 */
export async function taggedWith(cloud: Cloud, key: string, value: string): Promise<Tagged> {
  const Filters = [{ Name: `tag:${key}`, Values: [value] }];
  const page = { Filters, Limit: pageSize };
  const [images, instances, disks, snapshots] = await Promise.all([
    allPages(async (Offset) => (await cloud.call('cvm', 'DescribeImages', { ...page, Offset })).ImageSet ?? []),
    allPages(async (Offset) => (await cloud.call('cvm', 'DescribeInstances', { ...page, Offset })).InstanceSet ?? []),
    disksTagged(cloud, key, value),
    ownSnapshots(cloud),
  ]);
  return { images, instances, disks, snapshots: snapshots.filter(({ Tags }) => tagValue(Tags, key) === value) };
}

/** Disks that carry a tag of this value (filter `tag:KEY`). */
export const disksTagged = (cloud: Cloud, key: string, value: string): Promise<Disk[]> =>
  allPages(async (Offset) => {
    const Filters = [{ Name: `tag:${key}`, Values: [value] }];
    return (await cloud.call('cbs', 'DescribeDisks', { Filters, Offset, Limit: pageSize })).DiskSet ?? [];
  });

const ownSnapshots = async (cloud: Cloud): Promise<Snapshot[]> =>
  withoutDeleted(
    await allPages(async (Offset) => {
      const Filters = [{ Name: 'snapshot-type', Values: ['PRIVATE_SNAPSHOT'] }];
      return (await cloud.call('cbs', 'DescribeSnapshots', { Filters, Offset, Limit: pageSize })).SnapshotSet ?? [];
    }),
  );

/** Instances that carry a tag of this key (filter `tag-key`). */
export const instancesWithTag = (cloud: Cloud, key: string): Promise<Instance[]> =>
  allPages(async (Offset) => {
    const Filters = [{ Name: 'tag-key', Values: [key] }];
    return (await cloud.call('cvm', 'DescribeInstances', { Filters, Offset, Limit: pageSize })).InstanceSet ?? [];
  });
