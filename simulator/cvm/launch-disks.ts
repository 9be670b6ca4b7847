import { visibleSnapshot } from '../cbs/snapshots';
import { type Image, type Snapshot } from '../state/records';
import { type Call } from '../wire/action';
import { ApiError } from '../wire/errors';
import { requireOneOf } from '../wire/values';

/** A disk, as a launch asks for it. */
export interface DiskRequest {
  readonly DiskType?: string;
  readonly DiskSize?: number;
  readonly DiskName?: string;
  readonly DeleteWithInstance?: boolean;
  readonly SnapshotId?: string;
  readonly Encrypt?: boolean;
}

/** A disk that a launch makes. */
export interface DiskPlan {
  readonly type: string;
  readonly size: number;
  readonly name: string;
  readonly deleteWithInstance: boolean;
  readonly encrypted: boolean;
  readonly content: string;
}

const cloudTypes = ['CLOUD_BASIC', 'CLOUD_PREMIUM', 'CLOUD_SSD', 'CLOUD_BSSD', 'CLOUD_HSSD', 'CLOUD_TSSD'];
const diskTypes = {
  system: ['LOCAL_BASIC', 'LOCAL_SSD', ...cloudTypes],
  data: ['LOCAL_BASIC', 'LOCAL_SSD', 'LOCAL_NVME', 'LOCAL_PRO', ...cloudTypes],
};

/** The system disk of a launch: at least as large as the image. */
export function planSystemDisk(call: Call, image: Image, disk: DiskRequest): DiskPlan {
  requireOneOf('SystemDisk.DiskType', disk.DiskType, diskTypes.system);
  const size = disk.DiskSize ?? Math.max(50, image.size);
  if (size < image.size) {
    throw new ApiError(
      'InvalidParameterValue.Range',
      `The system disk (${size} GiB) is smaller than the image (${image.size} GiB).`,
    );
  }
  const systemSnapshot = image.snapshots.find((snapshot) => snapshot.usage === 'SYSTEM_DISK');
  const content =
    systemSnapshot === undefined ? `system of ${image.id}` : call.world.snapshots.get(systemSnapshot.id)?.content;
  return {
    type: (disk.DiskType ?? '') === '' ? 'CLOUD_PREMIUM' : disk.DiskType!,
    size,
    name: disk.DiskName ?? '',
    deleteWithInstance: true,
    encrypted: image.encrypted || (disk.Encrypt ?? false),
    content: content ?? '',
  };
}

/** The disks that the request names, and those of a whole-instance image that it does not name. */
export function planDataDisks(call: Call, image: Image, requested: readonly DiskRequest[]): DiskPlan[] {
  const wanted = requested.filter((disk) => disk.DiskSize !== 0 || (disk.SnapshotId ?? '') !== '');
  const named = new Set(wanted.map((disk) => disk.SnapshotId));
  const own = image.snapshots.filter((snapshot) => snapshot.usage === 'DATA_DISK' && !named.has(snapshot.id));
  const all = [
    ...wanted,
    ...own.map((snapshot): DiskRequest => ({ SnapshotId: snapshot.id, DiskSize: snapshot.size })),
  ];
  const local = all.filter((disk) => disk.DiskType?.startsWith('LOCAL_') === true).length;
  if (local > 1 || all.length - local > 20) {
    throw new ApiError(
      'InvalidParameterValue.LimitExceeded',
      'An instance takes at most 20 cloud disks and 1 local data disk.',
    );
  }
  return all.map((disk) => planDataDisk(call, image, disk));
}

function planDataDisk(call: Call, image: Image, disk: DiskRequest): DiskPlan {
  requireOneOf('DataDisks.DiskType', disk.DiskType, diskTypes.data);
  const snapshotId = disk.SnapshotId ?? '';
  const snapshot = snapshotId === '' ? undefined : usableSnapshot(call, image, snapshotId);
  const size = disk.DiskSize ?? 0;
  if (snapshot !== undefined && size !== 0 && size < snapshot.size) {
    throw new ApiError(
      'FailedOperation.SnapshotSizeLargerThanDataSize',
      `The snapshot \`${snapshotId}\` (${snapshot.size} GiB) is larger than the disk (${size} GiB).`,
    );
  }
  const final = size === 0 ? (snapshot?.size ?? 0) : size;
  if (final < 10 || final > 32_000 || final % 10 !== 0) {
    throw new ApiError(
      'InvalidParameterValue.Range',
      `The data disk size \`${final}\` must be 10 to 32000 GiB, in steps of 10.`,
    );
  }
  return {
    type: (disk.DiskType ?? '') === '' ? 'CLOUD_PREMIUM' : disk.DiskType!,
    size: final,
    name: disk.DiskName ?? '',
    deleteWithInstance: disk.DeleteWithInstance ?? true,
    encrypted: disk.Encrypt ?? snapshot?.encrypted ?? false,
    content: snapshot?.content ?? '',
  };
}

function usableSnapshot(call: Call, image: Image, id: string): Snapshot {
  if (!/^snap-[0-9a-z]{8}$/.test(id)) {
    throw new ApiError('InvalidParameterValue.SnapshotIdMalformed', `The snapshot ID \`${id}\` is malformed.`);
  }
  // Snapshots of a shared image belong to another account, but come with the image.
  const ofImage = image.snapshots.some((snapshot) => snapshot.id === id) ? call.world.snapshots.get(id) : undefined;
  const snapshot = ofImage ?? visibleSnapshot(call.world, call.account, call.region, id);
  if (snapshot === undefined)
    throw new ApiError('InvalidParameter.SnapshotNotFound', `The snapshot \`${id}\` does not exist.`);
  if (snapshot.usage !== 'DATA_DISK') {
    throw new ApiError('UnsupportedOperation.InvalidDisk', `The snapshot \`${id}\` is of a system disk.`);
  }
  if (snapshot.state !== 'NORMAL')
    throw new ApiError('InvalidParameterValue', `The snapshot \`${id}\` is still being created.`);
  return snapshot;
}
