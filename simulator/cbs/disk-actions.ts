import { answerAgain } from '../state/client-tokens';
import { type Disk, type Snapshot } from '../state/records';
import { type Reaction } from '../state/world';
import { isLocal, ownInstance } from '../cvm/instances';
import { regionOf } from '../vpc/regions';
import { type Action, type Call } from '../wire/action';
import { ApiError } from '../wire/errors';
import { characters, tagsFrom } from '../wire/formats';
import { given, requireOneOf } from '../wire/values';
import { describeDisks } from './describe-disks';
import { removeSnapshot, snapshotInProgress, visibleSnapshot } from './snapshots';

interface CreateDisksRequest {
  readonly Placement: { readonly Zone: string };
  readonly DiskChargeType: string;
  readonly DiskType: string;
  readonly DiskName?: string;
  readonly Tags?: readonly { readonly Key: string; readonly Value: string }[];
  readonly SnapshotId?: string;
  readonly DiskCount?: number;
  readonly DiskSize?: number;
  readonly ClientToken?: string;
  readonly Encrypt?: string;
  readonly DiskChargePrepaid?: object;
}

const diskTypes = ['CLOUD_PREMIUM', 'CLOUD_BSSD', 'CLOUD_SSD', 'CLOUD_HSSD'];

/** New elastic disks, empty or from a data-disk snapshot; usable when UNATTACHED. */
const createDisks: Action = (call) => {
  const { world, account, region } = call;
  const request = call.params as CreateDisksRequest;
  const token = request.ClientToken ?? '';
  if (characters(token) > 64)
    throw new ApiError('InvalidParameter.InvalidClientToken', 'The `ClientToken` exceeds 64 characters.');
  const memory = answerAgain(call, 'CreateDisks', token, 'InvalidParameter.InvalidClientToken');
  if (memory.ids !== undefined) return { DiskIdSet: memory.ids };
  if (!regionOf(region).zones.includes(request.Placement.Zone)) {
    throw new ApiError('InvalidParameterValue', `The zone \`${request.Placement.Zone}\` is not in \`${region}\`.`);
  }
  if (!['POSTPAID_BY_HOUR', 'PREPAID'].includes(request.DiskChargeType) || !diskTypes.includes(request.DiskType)) {
    throw new ApiError('InvalidParameter.DiskConfigNotSupported', 'The disk type or charge type is not supported.');
  }
  if (request.DiskChargeType === 'PREPAID' && request.DiskChargePrepaid === undefined)
    throw new ApiError('MissingParameter', 'The request is missing a required parameter `DiskChargePrepaid`.');
  if (characters(request.DiskName ?? '') > 60)
    throw new ApiError('InvalidParameterValue', 'The disk name exceeds 60 characters.');
  requireOneOf('Encrypt', request.Encrypt, ['ENCRYPT']);
  const count = request.DiskCount ?? 1;
  if (count < 1 || count > 50)
    throw new ApiError('InvalidParameterValue.LimitExceeded', '`DiskCount` must be between 1 and 50.');
  const snapshot = snapshotFor(call, request.SnapshotId ?? '');
  const size = request.DiskSize ?? snapshot?.size ?? 0;
  if (size < (snapshot?.size ?? 10) || size % 10 !== 0 || size > 32_000) {
    throw new ApiError(
      'InvalidParameterValue',
      `The disk size \`${size}\` is not valid (steps of 10 GiB, not below the snapshot).`,
    );
  }
  const hiddenUntil = world.hiddenUntil(call.lag());
  const ids = Array.from({ length: count }, () => {
    const id = world.newId('disk');
    const doneAt = world.now() + world.duration('createDisk', id);
    world.schedule(doneAt, 'disk.created', id, call.requestId);
    world.disks.put({
      id,
      account,
      region,
      createdAt: world.now(),
      // A new disk is described when it is made: the API has no state for one that is not.
      hiddenUntil: Math.max(hiddenUntil, doneAt),
      tags: tagsFrom(request.Tags),
      zone: request.Placement.Zone,
      name: (request.DiskName ?? '') === '' ? '未命名' : request.DiskName!,
      type: request.DiskType,
      usage: 'DATA_DISK',
      size,
      state: 'CREATING',
      instanceId: null,
      lastInstanceId: null,
      deleteWithInstance: false,
      encrypted: request.Encrypt === 'ENCRYPT' || snapshot?.encrypted === true,
      chargeType: request.DiskChargeType,
      changedAt: 0,
      doneAt: 0,
      content: snapshot?.content ?? '',
    });
    return id;
  });
  memory.remember(ids);
  return { DiskIdSet: ids };
};

function snapshotFor(call: Call, id: string): Snapshot | undefined {
  if (id === '') return undefined;
  const snapshot = visibleSnapshot(call.world, call.account, call.region, id);
  if (snapshot === undefined)
    throw new ApiError('InvalidSnapshotId.NotFound', `The snapshot \`${id}\` does not exist.`);
  if (snapshot.usage !== 'DATA_DISK')
    throw new ApiError('InvalidParameterValue', `The snapshot \`${id}\` is of a system disk.`);
  if (snapshot.state !== 'NORMAL') throw new ApiError('ResourceBusy', `The snapshot \`${id}\` is still being created.`);
  return snapshot;
}

/** The account's cloud disk of that ID; throws when it has none. */
export function requireDisk(call: Call, id: string, missing = 'InvalidDiskId.NotFound'): Disk {
  const disk = call.world.disks.get(id);
  if (disk?.account !== call.account || disk.region !== call.region || isLocal(disk))
    throw new ApiError(missing, `The disk \`${id}\` does not exist.`);
  return disk;
}

/** The account's cloud disks of these IDs; throws for too many, or for one that it does not have. */
export function requireDisks(
  call: Call,
  ids: readonly string[],
  most: number,
  codes: { readonly tooMany?: string; readonly missing?: string } = {},
): Disk[] {
  if (ids.length > most) {
    const tooMany = codes.tooMany ?? 'InvalidParameterValue.LimitExceeded';
    throw new ApiError(tooMany, `The number of disks exceeds the limit \`${most}\`.`);
  }
  return [...new Set(ids)].map((id) => requireDisk(call, id, codes.missing));
}

const attachDisks: Action = (call) => {
  const { world } = call;
  const request = call.params as { InstanceId: string; DiskIds: readonly string[]; DeleteWithInstance?: boolean };
  const instance = ownInstance(world, call.account, call.region, request.InstanceId);
  if (instance === undefined)
    throw new ApiError('InvalidInstanceId.NotFound', `The instance \`${request.InstanceId}\` does not exist.`);
  if (instance.state !== 'RUNNING' && instance.state !== 'STOPPED') {
    throw new ApiError(
      'InvalidInstance.NotSupported',
      `The instance \`${instance.id}\` is in the state \`${instance.state}\`.`,
    );
  }
  if (instance.operation?.state === 'OPERATING')
    throw new ApiError('ResourceBusy', `The instance \`${instance.id}\` already has operation in progress.`);
  const disks = requireDisks(call, request.DiskIds, 10);
  for (const disk of disks) {
    if (disk.usage !== 'DATA_DISK')
      throw new ApiError('InvalidDisk.NotPortable', `The disk \`${disk.id}\` is a system disk.`);
    if (disk.state === 'ATTACHED')
      throw new ApiError('ResourceUnavailable.Attached', `The disk \`${disk.id}\` is attached already.`);
    if (disk.state !== 'UNATTACHED') throw new ApiError('ResourceBusy', `The disk \`${disk.id}\` is busy.`);
    if (disk.zone !== instance.zone) {
      throw new ApiError(
        'ResourceUnavailable.ZoneNotMatch',
        `The disk \`${disk.id}\` is in another zone than the instance.`,
      );
    }
  }
  if (instance.dataDiskIds.length + disks.length > 20) {
    throw new ApiError('LimitExceeded.InstanceAttachedDisk', 'An instance takes at most 20 cloud data disks.');
  }
  for (const disk of disks) {
    world.disks.update(disk.id, {
      state: 'ATTACHING',
      instanceId: instance.id,
      deleteWithInstance: request.DeleteWithInstance ?? false,
    });
    world.schedule(
      world.now() + world.duration('attach', disk.id + call.requestId),
      'disk.attached',
      disk.id,
      call.requestId,
    );
  }
  world.instances.update(instance.id, { dataDiskIds: [...instance.dataDiskIds, ...disks.map((disk) => disk.id)] });
  return {};
};

const detachDisks: Action = (call) => {
  const { world } = call;
  const request = call.params as { InstanceId?: string; DiskIds: readonly string[] };
  const disks = requireDisks(call, request.DiskIds, 10);
  const instanceId = request.InstanceId ?? '';
  for (const disk of disks) {
    if (disk.usage !== 'DATA_DISK')
      throw new ApiError('InvalidDisk.NotPortable', `The disk \`${disk.id}\` is a system disk.`);
    if (disk.state === 'UNATTACHED' || (instanceId !== '' && disk.instanceId !== instanceId)) {
      throw new ApiError('InvalidDisk.NotSupported', `The disk \`${disk.id}\` is not attached there.`);
    }
    if (disk.state !== 'ATTACHED') throw new ApiError('ResourceBusy', `The disk \`${disk.id}\` is busy.`);
    if (disk.instanceId !== disks[0]!.instanceId)
      throw new ApiError('InvalidParameterValue', 'The disks are on different instances.');
  }
  for (const disk of disks) {
    world.disks.update(disk.id, { state: 'DETACHING' });
    world.schedule(
      world.now() + world.duration('detach', disk.id + call.requestId),
      'disk.detached',
      disk.id,
      call.requestId,
    );
  }
  return {};
};

const terminateDisks: Action = (call) => {
  const { world } = call;
  const request = call.params as { DiskIds: readonly string[]; DeleteSnapshot?: number };
  // The action has no code of its own for a disk that does not exist.
  const disks = requireDisks(call, request.DiskIds, 100, { missing: 'InvalidParameterValue' });
  for (const disk of disks) {
    if (disk.state === 'CREATING')
      throw new ApiError('ResourceBusy', `The disk \`${disk.id}\` is still being created.`);
    if (disk.state !== 'UNATTACHED' || disk.usage !== 'DATA_DISK') {
      throw new ApiError('ResourceUnavailable.NotSupported', `The disk \`${disk.id}\` is attached.`);
    }
    if (snapshotInProgress(world, disk) !== undefined)
      throw new ApiError('ResourceBusy', `A snapshot of the disk \`${disk.id}\` is being created.`);
  }
  for (const disk of disks) {
    if (request.DeleteSnapshot === 1) {
      for (const snapshot of [...world.snapshots.in(call.account, call.region)]) {
        const isFree = snapshot.imageIds.length === 0 && snapshot.shares.length === 0 && snapshot.state === 'NORMAL';
        if (snapshot.diskId === disk.id && isFree) removeSnapshot(world, snapshot);
      }
    }
    world.disks.delete(disk.id);
  }
  return {};
};

const modifyDiskAttributes: Action = (call) => {
  const request = call.params as { DiskIds: readonly string[]; DiskName?: string; DeleteWithInstance?: boolean };
  if (characters(request.DiskName ?? '') > 60)
    throw new ApiError('InvalidParameterValue', 'The disk name exceeds 60 characters.');
  for (const disk of requireDisks(call, request.DiskIds, 100)) {
    call.world.disks.update(disk.id, {
      name: given(request.DiskName) ?? disk.name,
      deleteWithInstance: request.DeleteWithInstance ?? disk.deleteWithInstance,
    });
  }
  return {};
};

/** What becomes of disks when the time has come. */
export const diskReactions: Readonly<Record<string, Reaction>> = {
  'disk.created': (world, happening) => {
    if (world.disks.get(happening.target)?.state === 'CREATING')
      world.disks.update(happening.target, { state: 'UNATTACHED' });
  },
  'disk.attached': (world, happening) => {
    if (world.disks.get(happening.target)?.state === 'ATTACHING')
      world.disks.update(happening.target, { state: 'ATTACHED' });
  },
  'disk.detached': (world, happening) => {
    const disk = world.disks.get(happening.target);
    if (disk?.state !== 'DETACHING') return;
    const instance = world.instances.get(disk.instanceId ?? '');
    if (instance !== undefined) {
      world.instances.update(instance.id, { dataDiskIds: instance.dataDiskIds.filter((id) => id !== disk.id) });
    }
    world.disks.update(disk.id, { state: 'UNATTACHED', lastInstanceId: disk.instanceId, instanceId: null });
  },
};

/** What the simulator serves of CBS, as to disks. */
export const diskActions: Readonly<Record<string, Action>> = {
  DescribeDisks: describeDisks,
  CreateDisks: createDisks,
  AttachDisks: attachDisks,
  DetachDisks: detachDisks,
  TerminateDisks: terminateDisks,
  ModifyDiskAttributes: modifyDiskAttributes,
};
