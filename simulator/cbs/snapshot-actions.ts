import { type Snapshot } from '../state/records';
import { removeImage } from '../cvm/images';
import { type Action, type Call } from '../wire/action';
import { ApiError } from '../wire/errors';
import { type Filter, type FilterKeys, matcher, page } from '../wire/filters';
import { characters, tagsFrom } from '../wire/formats';
import { given, requireOneOf } from '../wire/values';
import { isLocal } from '../cvm/instances';
import { isRegion, regionOf } from '../vpc/regions';
import {
  beginSnapshot,
  ownSnapshot,
  requireSettled,
  snapshotInProgress,
  hasSnapshotRoom,
  isSharedWith,
  removeSnapshot,
  scheduleCopy,
  systemOn,
  wireSnapshot,
} from './snapshots';

interface CreateSnapshotRequest {
  readonly DiskId?: string;
  readonly SnapshotName?: string;
  readonly Deadline?: string;
  readonly Tags?: readonly { readonly Key: string; readonly Value: string }[];
  readonly DiskUsage?: string;
}

const createSnapshot: Action = (call) => {
  const { world, account, region } = call;
  const request = call.params as CreateSnapshotRequest;
  if ((request.DiskId ?? '') === '')
    throw new ApiError('MissingParameter', 'The request is missing a required parameter `DiskId`.');
  const disk = world.disks.get(request.DiskId!);
  if (disk?.account !== account || disk.region !== region || isLocal(disk)) {
    throw new ApiError('InvalidDiskId.NotFound', `The disk \`${request.DiskId!}\` does not exist.`);
  }
  const usage = request.DiskUsage ?? '';
  if (!['', 'SYSTEM_DISK', 'DATA_DISK'].includes(usage) || (usage === 'SYSTEM_DISK' && disk.usage !== 'SYSTEM_DISK')) {
    throw new ApiError('InvalidParameterValue', '`DiskUsage` does not fit the disk.');
  }
  checkName(request.SnapshotName);
  checkDeadline(call, request.Deadline);
  if (disk.state !== 'ATTACHED' && disk.state !== 'UNATTACHED') {
    throw new ApiError('InvalidDisk.Busy', `The disk \`${disk.id}\` is busy.`);
  }
  if (snapshotInProgress(world, disk) !== undefined) {
    throw new ApiError('InvalidDisk.SnapshotCreating', `A snapshot of the disk \`${disk.id}\` is being created.`);
  }
  if (!hasSnapshotRoom(world, account, region)) {
    throw new ApiError('InsufficientSnapshotQuota', 'The snapshot quota is used up.');
  }
  const at = world.now();
  const deadline = request.Deadline ?? '';
  const snapshot = beginSnapshot(world, {
    disk,
    system: systemOn(world, disk),
    name: (request.SnapshotName ?? '') === '' ? '未命名' : request.SnapshotName!,
    ...(usage === '' ? {} : { usage: usage as Snapshot['usage'] }),
    tags: tagsFrom(request.Tags),
    deadline,
    doneAt: at + world.duration('snapshot', call.requestId, disk.size),
    hiddenUntil: world.hiddenUntil(call.lag()),
  });
  scheduleExpiry(call, snapshot.id, deadline);
  return { SnapshotId: snapshot.id };
};

/** Deadlines are points in real time: the speed does not touch them. */
function scheduleExpiry(call: Call, id: string, deadline: string): void {
  if (deadline !== '') call.world.schedule(Date.parse(deadline), 'snapshot.expired', id, '', { deadline });
}

function checkName(name: string | undefined): void {
  if (characters(name ?? '') > 60)
    throw new ApiError('InvalidParameterValue', 'The snapshot name exceeds 60 characters.');
}

function checkDeadline(call: Call, deadline: string | undefined): void {
  if (deadline === undefined || deadline === '') return;
  const at = Date.parse(deadline);
  if (Number.isNaN(at) || at < call.world.now() + 86_400_000) {
    throw new ApiError('InvalidParameterValue', '`Deadline` must be an ISO 8601 time at least one day ahead.');
  }
}

interface DescribeRequest {
  readonly SnapshotIds?: readonly string[];
  readonly Filters?: readonly Filter[];
  readonly Offset?: number;
  readonly Limit?: number;
  readonly Order?: string;
}

const filterKeys = (account: string): FilterKeys<Snapshot> => ({
  'snapshot-id': (snapshot, value) => snapshot.id === value,
  'snapshot-name': (snapshot, value) => snapshot.name === value,
  'snapshot-state': (snapshot, value) => snapshot.state === value,
  'disk-usage': (snapshot, value) => snapshot.usage === value,
  'project-id': (_, value) => value === '0',
  'disk-id': (snapshot, value) => snapshot.diskId === value,
  zone: (snapshot, value) => snapshot.zone === value,
  encrypt: (snapshot, value) => snapshot.encrypted === (value.toLowerCase() === 'true'),
  'snapshot-type': (snapshot, value) =>
    value === (isSharedWith(snapshot, account) ? 'SHARED_SNAPSHOT' : 'PRIVATE_SNAPSHOT'),
});

const describeSnapshots: Action = (call) => {
  const { world, account, region } = call;
  const request = call.params as DescribeRequest;
  const ids = request.SnapshotIds ?? [];
  const filters = request.Filters ?? [];
  if (ids.length > 0 && filters.length > 0) {
    throw new ApiError('InvalidParameterValue', '`SnapshotIds` and `Filters` cannot be used together.');
  }
  if (ids.length > 100)
    throw new ApiError('InvalidParameterValue', 'The number of `SnapshotIds` exceeds the limit `100`.');
  const malformed = ids.find((id) => !/^snap-[0-9a-z]{8}$/.test(id));
  if (malformed !== undefined)
    throw new ApiError('InvalidParameterValue', `The snapshot ID \`${malformed}\` is malformed.`);
  const matches = matcher(filters, filterKeys(account), { values: 10, code: 'InvalidParameterValue' });
  const rows = [...world.snapshots.shown(account, region, ids, world.now()), ...sharedSnapshots(call, ids)].filter(
    matches,
  );
  requireOneOf('Order', request.Order, ['ASC', 'DESC']);
  if (request.Order === 'ASC') rows.reverse();
  const shown = page(rows, request, 'InvalidParameterValue');
  return { TotalCount: rows.length, SnapshotSet: shown.map((snapshot) => wireSnapshot(world, snapshot, account)) };
};

/** Those of other accounts that are shared with this one. */
function sharedSnapshots({ world, account, region }: Call, ids: readonly string[]): Snapshot[] {
  return [...world.accounts.all()]
    .filter((owner) => owner.id !== account)
    .flatMap((owner) => world.snapshots.shown(owner.id, region, ids, world.now()))
    .filter((snapshot) => isSharedWith(snapshot, account));
}

interface DeleteRequest {
  readonly SnapshotIds: readonly string[];
  readonly DeleteBindImages?: boolean;
}

/** The account's snapshots of these IDs; throws for one that it does not have. */
export function requireSnapshots(call: Call, ids: readonly string[]): Snapshot[] {
  return [...new Set(ids)].map((id) => {
    const snapshot = ownSnapshot(call.world, call.account, call.region, id);
    if (snapshot === undefined)
      throw new ApiError('InvalidSnapshotId.NotFound', `The snapshot \`${id}\` does not exist.`);
    return snapshot;
  });
}

/** All or nothing. */
const deleteSnapshots: Action = (call) => {
  const request = call.params as DeleteRequest;
  const snapshots = requireSnapshots(call, request.SnapshotIds);
  requireSettled(snapshots);
  deleteAll(call, snapshots, request.DeleteBindImages === true, 'ResourceBusy');
  return {};
};

/** Deletes snapshots that nothing but images holds, and (when asked) those images; throws before it changes anything. */
export function deleteAll(
  { world }: Call,
  snapshots: readonly Snapshot[],
  withImages: boolean,
  busyCode: string,
): void {
  const bound = withImages ? undefined : snapshots.find((snapshot) => snapshot.imageIds.length > 0);
  if (bound !== undefined) {
    throw new ApiError(
      'UnsupportedOperation.SnapshotHasBindedImage',
      `The snapshot \`${bound.id}\` is bound to an image.`,
    );
  }
  const images = [...new Set(snapshots.flatMap((snapshot) => snapshot.imageIds))].flatMap(
    (id) => world.images.get(id) ?? [],
  );
  if (images.some((image) => image.shares.length > 0 || (image.state !== 'NORMAL' && image.state !== 'CREATEFAILED'))) {
    throw new ApiError(busyCode, 'An image that is bound to the snapshots is shared or still being created.');
  }
  for (const image of images) removeImage(world, image, false);
  for (const { id } of snapshots) removeSnapshot(world, world.snapshots.must(id));
}

interface ModifyRequest {
  readonly SnapshotId: string;
  readonly IsPermanent?: boolean;
  readonly SnapshotName?: string;
  readonly Deadline?: string;
}

const modifySnapshotAttribute: Action = (call) => {
  const request = call.params as ModifyRequest;
  const [snapshot] = requireSnapshots(call, [request.SnapshotId]);
  checkName(request.SnapshotName);
  checkDeadline(call, request.Deadline);
  const { id, name, deadline, imageIds, shares } = snapshot!;
  const next = request.IsPermanent === true ? '' : (given(request.Deadline) ?? deadline);
  if (next !== deadline && next !== '') {
    // What others rely on is not given an end.
    if (shares.length > 0)
      throw new ApiError('UnsupportedOperation.SnapHasShared', `The snapshot \`${id}\` is shared.`);
    if (imageIds.length > 0)
      throw new ApiError('UnsupportedOperation.SnapshotHasBindedImage', `The snapshot \`${id}\` is bound to an image.`);
    scheduleExpiry(call, id, next);
  }
  call.world.snapshots.update(id, { name: given(request.SnapshotName) ?? name, deadline: next });
  return {};
};

interface CopyRequest {
  readonly DestinationRegions: readonly string[];
  readonly SnapshotId?: string;
  readonly SnapshotName?: string;
}

/** Copies to other regions; what fails for one region is said in its row, the call itself succeeds. */
const copySnapshotCrossRegions: Action = (call) => {
  const { world } = call;
  const request = call.params as CopyRequest;
  const [snapshot] = requireSnapshots(call, [request.SnapshotId ?? '']);
  const source = snapshot!;
  if (source.state !== 'NORMAL')
    throw new ApiError('ResourceBusy', `The snapshot \`${source.id}\` is still being created.`);
  checkName(request.SnapshotName);
  const hiddenUntil = world.hiddenUntil(call.lag());
  const results = request.DestinationRegions.map((region) => {
    if (!isRegion(region) || region === call.region) {
      return {
        SnapshotId: '',
        Message: `cannot copy to ${region}`,
        Code: 'InvalidParameterValue',
        DestinationRegion: region,
      };
    }
    if (!hasSnapshotRoom(world, call.account, region)) {
      return {
        SnapshotId: '',
        Message: `the snapshot quota of ${region} is used up`,
        Code: 'InsufficientSnapshotQuota',
        DestinationRegion: region,
      };
    }
    const id = world.newId('snap');
    const doneAt = world.now() + world.duration('copy', id, source.size);
    world.snapshots.put({
      ...source,
      id,
      region,
      zone: regionOf(region).zones[0]!,
      name: given(request.SnapshotName) ?? `Copied ${source.id} from ${call.region}`,
      createdAt: world.now(),
      doneAt,
      hiddenUntil,
      tags: {},
      imageIds: [],
      groupId: null,
      shares: [],
      copied: true,
      state: 'COPYING_FROM_REMOTE',
    });
    scheduleCopy(world, id, doneAt);
    return { SnapshotId: id, Message: '', Code: 'Success', DestinationRegion: region };
  });
  return { SnapshotCopyResultSet: results };
};

/** What the simulator serves of CBS, as to snapshots. */
export const snapshotActions: Readonly<Record<string, Action>> = {
  CreateSnapshot: createSnapshot,
  DescribeSnapshots: describeSnapshots,
  DeleteSnapshots: deleteSnapshots,
  ModifySnapshotAttribute: modifySnapshotAttribute,
  CopySnapshotCrossRegions: copySnapshotCrossRegions,
};
