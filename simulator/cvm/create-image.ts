import { beginSnapshot, contentNow, ownSnapshot, snapshotInProgress } from '../cbs/snapshots';
import { type Disk, type Image, type Instance, type Snapshot, type System, type Tags } from '../state/records';
import { type Reaction, type World } from '../state/world';
import { type Action, type Call } from '../wire/action';
import { ApiError } from '../wire/errors';
import { characters } from '../wire/formats';
import { flagOf } from '../wire/values';
import { requireFamily, requireFreeName, requireImageQuota, requireShortName } from './images';
import { begun, disksOf, isLocal, ownInstance, requireCharging, requireIdle, requireState } from './instances';
import { type TagSpecification, specifiedTags } from './tag-specification';

interface CreateImageRequest {
  readonly ImageName: string;
  readonly InstanceId?: string;
  readonly ImageDescription?: string;
  readonly ForcePoweroff?: string;
  readonly Sysprep?: string;
  readonly DataDiskIds?: readonly string[];
  readonly SnapshotIds?: readonly string[];
  readonly DryRun?: boolean;
  readonly TagSpecification?: readonly TagSpecification[];
  readonly ImageFamily?: string;
}

/** An image of an instance (its disks are snapshotted on the way), or of snapshots that exist. */
export const createImage: Action = (call) => {
  const request = call.params as CreateImageRequest;
  const { world, account, region } = call;
  if (request.ImageName === '')
    throw new ApiError('MissingParameter', 'The request is missing a required parameter `ImageName`.');
  if (characters(request.ImageDescription ?? '') > 256) {
    throw new ApiError('InvalidParameterValue.TooLarge', 'The image description exceeds 256 characters.');
  }
  flagOf('ForcePoweroff', request.ForcePoweroff);
  flagOf('Sysprep', request.Sysprep);
  const family = request.ImageFamily ?? '';
  requireFamily(family);
  const tags = specifiedTags(request.TagSpecification, 'image');
  const instanceId = request.InstanceId ?? '';
  const snapshotIds = request.SnapshotIds ?? [];
  if (instanceId !== '' && snapshotIds.length > 0) {
    throw new ApiError('InvalidParameterConflict', '`InstanceId` and `SnapshotIds` cannot be used together.');
  }
  if ((request.DataDiskIds ?? []).length > 0 && instanceId === '') {
    throw new ApiError('InvalidParameter.InvalidDependence', '`DataDiskIds` needs `InstanceId`.');
  }
  if (instanceId === '' && snapshotIds.length === 0) {
    throw new ApiError('InvalidParameter.SpecifyOneParameter', 'One of `InstanceId` and `SnapshotIds` is required.');
  }
  requireShortName(request.ImageName);
  requireFreeName(world, account, region, request.ImageName);
  requireImageQuota(world, account, region);
  const wanted = { request, tags, family };
  return instanceId === '' ? fromSnapshots(call, wanted, snapshotIds) : fromInstance(call, wanted, instanceId);
};

interface Wanted {
  readonly request: CreateImageRequest;
  readonly tags: Tags;
  readonly family: string;
}

function fromSnapshots(call: Call, wanted: Wanted, ids: readonly string[]): object {
  const { world } = call;
  if (ids.length > 21)
    throw new ApiError('InvalidParameterValue.LimitExceeded', 'The number of snapshots exceeds the limit `21`.');
  const snapshots = [...new Set(ids)].map((id) => {
    const snapshot = ownSnapshot(world, call.account, call.region, id);
    if (snapshot === undefined)
      throw new ApiError('InvalidParameter.SnapshotNotFound', `The snapshot \`${id}\` does not exist.`);
    return snapshot;
  });
  const rolling = snapshots.find((snapshot) => snapshot.state === 'ROLLBACKING');
  if (rolling !== undefined)
    throw new ApiError(
      'ResourceInUse.DiskRollbacking',
      `A disk is being rolled back to the snapshot \`${rolling.id}\`.`,
    );
  const creating = snapshots.find((snapshot) => snapshot.state !== 'NORMAL');
  if (creating !== undefined) {
    throw new ApiError(
      'ResourceUnavailable.SnapshotCreating',
      `The snapshot \`${creating.id}\` is still being created.`,
    );
  }
  const [system, another] = snapshots.filter((snapshot) => snapshot.usage === 'SYSTEM_DISK');
  if (system?.system === undefined || system.system === null) {
    throw new ApiError(
      'InvalidParameter.SystemSnapshotNotFound',
      'There is no snapshot of a system disk among the snapshots.',
    );
  }
  if (another !== undefined) {
    throw new ApiError(
      'InvalidParameter.DuplicateSystemSnapshots',
      'There is more than one snapshot of a system disk.',
    );
  }
  if (system.encrypted) throw encrypted();
  if (wanted.request.DryRun === true) return {};
  const ordered = [system, ...snapshots.filter((snapshot) => snapshot !== system)];
  const id = world.newId('img');
  for (const snapshot of ordered) world.snapshots.update(snapshot.id, { imageIds: [...snapshot.imageIds, id] });
  const doneAt = world.now() + world.duration('image', id, system.size);
  putImage(call, wanted, {
    id,
    system: system.system,
    snapshots: ordered,
    instanceId: null,
    keyIds: [],
    doneAt,
    hiddenUntil: world.hiddenUntil(call.lag()),
    restart: false,
  });
  return { ImageId: id };
}

function fromInstance(call: Call, wanted: Wanted, instanceId: string): object {
  const { world, requestId } = call;
  const { request } = wanted;
  const instance = imageable(call, instanceId);
  if (flagOf('Sysprep', request.Sysprep) && !instance.system.windows) {
    throw new ApiError('InvalidInstance.NotSupported', '`Sysprep` is for Windows instances only.');
  }
  const disks = disksFor(world, instance, request.DataDiskIds ?? []);
  const rolling = disks.find((disk) => disk.state === 'ROLLBACKING');
  if (rolling !== undefined)
    throw new ApiError('ResourceInUse.DiskRollbacking', `The disk \`${rolling.id}\` is being rolled back.`);
  const busy = disks.find((disk) => disk.state !== 'ATTACHED');
  if (busy !== undefined) throw new ApiError('ResourceInUse', `The disk \`${busy.id}\` is busy.`);
  const creating = disks.find((disk) => snapshotInProgress(world, disk) !== undefined);
  if (creating !== undefined) {
    throw new ApiError(
      'ResourceUnavailable.SnapshotCreating',
      `A snapshot of the disk \`${creating.id}\` is still being created.`,
    );
  }
  if (request.DryRun === true) return {};

  const id = world.newId('img');
  const hiddenUntil = world.hiddenUntil(call.lag());
  const size = disks.reduce((sum, disk) => sum + disk.size, 0);
  const powerOff = flagOf('ForcePoweroff', request.ForcePoweroff) && instance.state === 'RUNNING';
  const startAt = world.now() + (powerOff ? world.duration('stop', instance.id + requestId) : 0);
  const time = world.duration('image', id, size);
  // The copying takes most of the time; registering the image the rest.
  const snapshots = disks.map((disk) =>
    beginSnapshot(world, {
      disk,
      system: instance.system,
      name: `${request.ImageName}_${disk.id}`,
      imageIds: [id],
      doneAt: startAt + time * 0.9,
      hiddenUntil,
    }),
  );
  const keepsBusy = world.switches.createImageKeepsInstanceBusy || powerOff;
  const operation = begun('CreateImage', requestId);
  world.instances.update(instance.id, {
    operation: keepsBusy ? operation : { ...operation, state: 'SUCCESS' },
    ...(powerOff ? { state: 'STOPPING' } : {}),
  });
  if (powerOff) world.schedule(startAt, 'image.powered-off', instance.id, requestId, { image: id });
  putImage(call, wanted, {
    id,
    system: instance.system,
    snapshots,
    instanceId: instance.id,
    keyIds: instance.keyIds,
    doneAt: startAt + time,
    hiddenUntil,
    restart: powerOff && world.switches.forcePoweroffRestarts,
  });
  return { ImageId: id };
}

function imageable(call: Call, id: string): Instance {
  const instance = ownInstance(call.world, call.account, call.region, id);
  if (instance === undefined)
    throw new ApiError('InvalidInstanceId.NotFound', `The instance \`${id}\` does not exist.`);
  if (instance.state === 'PENDING') requireIdle([instance]);
  requireState('CreateImage', [instance], ['RUNNING', 'STOPPED']);
  requireCharging([instance]);
  requireIdle([instance]);
  return instance;
}

/** The system disk and the data disks that are asked for, checked. */
function disksFor(world: World, instance: Instance, dataDiskIds: readonly string[]): Disk[] {
  const attached = disksOf(world, instance);
  const system = attached[0]!;
  if (system.encrypted) throw encrypted();
  const data = [...new Set(dataDiskIds)].map((id) => {
    if (id === system.id)
      throw new ApiError('InvalidParameter.DataDiskIdContainsRootDisk', `\`${id}\` is the system disk.`);
    const disk = attached.find((candidate) => candidate.id === id);
    if (disk === undefined) {
      throw new ApiError(
        'InvalidParameter.DataDiskNotBelongSpecifiedInstance',
        `The disk \`${id}\` is not attached to the instance.`,
      );
    }
    if (isLocal(disk))
      throw new ApiError('InvalidParameter.LocalDataDiskNotSupport', `The disk \`${id}\` is a local data disk.`);
    return disk;
  });
  return [system, ...data];
}

function encrypted(): ApiError {
  return new ApiError(
    'UnsupportedOperation.EncryptedImagesNotSupported',
    'Encrypted system disks cannot be made into images.',
  );
}

interface Source {
  readonly id: string;
  readonly system: System;
  readonly snapshots: readonly Snapshot[];
  readonly instanceId: string | null;
  readonly doneAt: number;
  readonly hiddenUntil: number;
  readonly restart: boolean;
  readonly keyIds: readonly string[];
}

function putImage(call: Call, wanted: Wanted, source: Source): Image {
  const { world } = call;
  const result = call.outcome('image-fails') ? 'failed' : call.outcome('image-never-finishes') ? 'stuck' : 'done';
  world.schedule(source.doneAt, 'image.done', source.id, call.requestId, { result, restart: source.restart });
  return world.images.put({
    id: source.id,
    account: call.account,
    region: call.region,
    createdAt: world.now(),
    hiddenUntil: source.hiddenUntil,
    tags: wanted.tags,
    name: wanted.request.ImageName,
    description: wanted.request.ImageDescription ?? '',
    state: 'CREATING',
    system: source.system,
    size: source.snapshots[0]!.size,
    source: 'CREATE_IMAGE',
    family: wanted.family,
    deprecated: false,
    encrypted: false,
    snapshots: source.snapshots.map(({ id, usage, size }) => ({ id, usage, size })),
    shares: [],
    keyIds: source.keyIds,
    instanceId: source.instanceId,
    doneAt: source.doneAt,
  });
}

/** ForcePoweroff: the instance is down now, and its disks are taken as they are. */
export const createImageReactions: Readonly<Record<string, Reaction>> = {
  'image.powered-off': (world, happening) => {
    if (world.instances.get(happening.target)?.operation?.requestId !== happening.operation) return;
    world.instances.update(happening.target, { state: 'STOPPED', stoppedMode: 'KEEP_CHARGING' });
    const image = world.images.get(String(happening.data.image));
    for (const { id } of image?.snapshots ?? []) {
      const disk = world.disks.get(world.snapshots.get(id)?.diskId ?? '');
      if (disk !== undefined) world.snapshots.update(id, { content: contentNow(world, disk, id) });
    }
  },
};
