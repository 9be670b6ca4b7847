import { type SnapshotGroup } from '../state/records';
import { type World } from '../state/world';
import { type Action } from '../wire/action';
import { ApiError } from '../wire/errors';
import { type Filter, type FilterKeys, matcher, page } from '../wire/filters';
import { characters, chinaIsoTime, tagsFrom } from '../wire/formats';
import { requireDisks } from './disk-actions';
import { deleteAll } from './snapshot-actions';
import { beginSnapshot, hasSnapshotRoom, percentDone, snapshotInProgress, snapshotsIn, systemOn } from './snapshots';

interface CreateRequest {
  readonly DiskIds: readonly string[];
  readonly SnapshotGroupName?: string;
  readonly Tags?: readonly { readonly Key: string; readonly Value: string }[];
}

/** Snapshots of several disks of one instance, begun together. */
const createSnapshotGroup: Action = (call) => {
  const { world, account, region } = call;
  const request = call.params as CreateRequest;
  const name = (request.SnapshotGroupName ?? '') === '' ? '未命名' : request.SnapshotGroupName!;
  if (characters(name) > 60)
    throw new ApiError('InvalidParameterValue', 'The name of the snapshot group exceeds 60 characters.');
  if (request.DiskIds.length === 0)
    throw new ApiError('MissingParameter', 'The request is missing a required parameter `DiskIds`.');
  const disks = requireDisks(call, request.DiskIds, 21, { tooMany: 'InvalidParameterValue' });
  const [first] = disks;
  for (const disk of disks) {
    if (disk.instanceId === null || disk.instanceId !== first!.instanceId)
      throw new ApiError('InvalidParameter', 'The disks are not all attached to the same instance.');
    if (disk.state !== 'ATTACHED')
      throw new ApiError(
        disk.state === 'ROLLBACKING' ? 'ResourceInUse.DiskRollbacking' : 'ResourceInUse',
        `The disk \`${disk.id}\` is busy.`,
      );
    if (snapshotInProgress(world, disk) !== undefined)
      throw new ApiError('InvalidDisk.SnapshotCreating', `A snapshot of the disk \`${disk.id}\` is being created.`);
  }
  if (!hasSnapshotRoom(world, account, region, disks.length))
    throw new ApiError('InsufficientSnapshotQuota', 'The snapshot quota is used up.');
  const id = world.newId('csnap');
  const tags = tagsFrom(request.Tags);
  const hiddenUntil = world.hiddenUntil(call.lag());
  const snapshotIds = disks.map((disk, index) => {
    const doneAt = world.now() + world.duration('snapshot', call.requestId, disk.size);
    const system = systemOn(world, disk);
    const child = { disk, system, name: `${name}_${index}`, tags, groupId: id, doneAt, hiddenUntil };
    return beginSnapshot(world, child).id;
  });
  world.snapshotGroups.put({ id, account, region, createdAt: world.now(), hiddenUntil, tags, name, snapshotIds });
  return { SnapshotGroupId: id };
};

type GroupState = 'CREATING' | 'NORMAL' | 'ROLLBACKING';

/** A group is what its snapshots are. */
function stateOf(world: World, group: SnapshotGroup): GroupState {
  const states = group.snapshotIds.map((id) => world.snapshots.get(id)?.state);
  if (states.includes('CREATING')) return 'CREATING';
  return states.includes('ROLLBACKING') ? 'ROLLBACKING' : 'NORMAL';
}

const filterKeys = (world: World): FilterKeys<SnapshotGroup> => ({
  'snapshot-group-id': (group, value) => group.id === value,
  'snapshot-group-state': (group, value) => stateOf(world, group) === value,
  'snapshot-group-name': (group, value) => group.name === value,
  'snapshot-id': (group, value) => group.snapshotIds.includes(value),
});

const describeSnapshotGroups: Action = (call) => {
  const { world, account, region } = call;
  const request = call.params as { Filters?: readonly Filter[]; Offset?: number; Limit?: number };
  const matches = matcher(request.Filters ?? [], filterKeys(world), { values: 10, code: 'InvalidParameter' });
  const rows = world.snapshotGroups.shown(account, region, [], world.now()).filter(matches);
  const shown = page(rows, request, 'InvalidParameter');
  return { TotalCount: rows.length, SnapshotGroupSet: shown.map((group) => wireGroup(world, group)) };
};

function wireGroup(world: World, group: SnapshotGroup): object {
  const snapshots = group.snapshotIds.flatMap((id) => world.snapshots.get(id) ?? []);
  const images = [...new Set(snapshots.flatMap((snapshot) => snapshot.imageIds))].flatMap(
    (id) => world.images.get(id) ?? [],
  );
  const percents = snapshots.map((snapshot) =>
    snapshot.state === 'CREATING' ? percentDone(snapshot.createdAt, snapshot.doneAt, world.now()) : 100,
  );
  return {
    SnapshotGroupId: group.id,
    SnapshotGroupType: 'NORMAL',
    ContainRootSnapshot: snapshots.some((snapshot) => snapshot.usage === 'SYSTEM_DISK'),
    SnapshotIdSet: group.snapshotIds,
    SnapshotGroupState: stateOf(world, group),
    Percent: Math.min(...percents),
    CreateTime: chinaIsoTime(group.createdAt),
    ModifyTime: chinaIsoTime(group.createdAt),
    Images: images.map((image) => ({ ImageName: image.name, ImageId: image.id })),
    SnapshotGroupName: group.name,
    ImageCount: images.length,
    IsPermanent: true,
    DeadlineTime: null,
    AutoSnapshotPolicyId: null,
  };
}

interface DeleteRequest {
  readonly SnapshotGroupId?: string;
  readonly SnapshotGroupIds?: readonly string[];
  readonly DeleteBindImages?: boolean;
}

/** Deletes groups with all their snapshots; all of them or none. */
const deleteSnapshotGroup: Action = (call) => {
  const { world, account, region } = call;
  const request = call.params as DeleteRequest;
  const ids = [request.SnapshotGroupId ?? '', ...(request.SnapshotGroupIds ?? [])].filter((id) => id !== '');
  if (ids.length === 0)
    throw new ApiError('MissingParameter', 'The request is missing a required parameter `SnapshotGroupIds`.');
  const groups = [...new Set(ids)].map((id) => {
    const group = world.snapshotGroups.get(id);
    if (group?.account !== account || group.region !== region)
      throw new ApiError('InvalidSnapshotId.NotFound', `The snapshot group \`${id}\` does not exist.`);
    if (stateOf(world, group) !== 'NORMAL')
      throw new ApiError('UnsupportedOperation.StateError', `The snapshot group \`${id}\` is not in the state NORMAL.`);
    return group;
  });
  const snapshots = groups.flatMap((group) => group.snapshotIds.map((id) => world.snapshots.must(id)));
  if (snapshots.some((snapshot) => snapshot.shares.length > 0))
    throw new ApiError('UnsupportedOperation.StateError', 'A snapshot of the group is shared with other accounts.');
  deleteAll(call, snapshots, request.DeleteBindImages === true, 'UnsupportedOperation.StateError');
  return {};
};

/** Simulated GiB that snapshots may take before they cost, as in the regions of mainland China. */
const freeGiB = 80;

/** How many snapshots there are in the region, and their size. */
const describeSnapshotOverview: Action = (call) => {
  const snapshots = snapshotsIn(call.world, call.account, call.region);
  const total = snapshots.reduce((sum, snapshot) => sum + snapshot.size, 0);
  return {
    TotalNums: snapshots.length,
    TotalSize: total,
    FreeQuota: freeGiB,
    RealTradeSize: Math.max(0, total - freeGiB),
  };
};

/** What the simulator serves of CBS, as to groups of snapshots and all of them together. */
export const groupActions: Readonly<Record<string, Action>> = {
  CreateSnapshotGroup: createSnapshotGroup,
  DescribeSnapshotGroups: describeSnapshotGroups,
  DeleteSnapshotGroup: deleteSnapshotGroup,
  DescribeSnapshotOverview: describeSnapshotOverview,
};
