import { type Disk, type Happening, type Instance, type Snapshot } from '../state/records';
import { type Reaction, type World } from '../state/world';
import { begun, requireIdle } from '../cvm/instances';
import { restart } from '../cvm/power';
import { type Action, type Call } from '../wire/action';
import { ApiError } from '../wire/errors';
import { requireDisk } from './disk-actions';
import { requireSnapshots } from './snapshot-actions';
import { snapshotInProgress } from './snapshots';

const biggestDisk = 32_000;

/** Makes an elastic disk larger: EXPANDING until it is. */
const resizeDisk: Action = (call) => {
  const { world } = call;
  const request = call.params as { DiskId?: string; DiskSize: number };
  if ((request.DiskId ?? '') === '')
    throw new ApiError('MissingParameter', 'The request is missing a required parameter `DiskId`.');
  const disk = requireDisk(call, request.DiskId!);
  if (disk.usage !== 'DATA_DISK')
    throw new ApiError('InvalidDisk.NotSupported', `The disk \`${disk.id}\` is a system disk.`);
  if (request.DiskSize <= disk.size || request.DiskSize > biggestDisk || request.DiskSize % 10 !== 0) {
    throw new ApiError(
      'InvalidParameterValue',
      `\`DiskSize\` must be above ${disk.size} GiB, at most ${biggestDisk}, in steps of 10.`,
    );
  }
  if (disk.state !== 'ATTACHED' && disk.state !== 'UNATTACHED')
    throw new ApiError('InvalidDisk.Busy', `The disk \`${disk.id}\` is busy.`);
  if (snapshotInProgress(world, disk) !== undefined) {
    throw new ApiError(
      'ResourceUnavailable.SnapshotCreating',
      `A snapshot of the disk \`${disk.id}\` is being created.`,
    );
  }
  const instance = world.instances.get(disk.instanceId ?? '');
  if (world.switches.resizeNeedsStoppedInstance && instance !== undefined && instance.state !== 'STOPPED') {
    throw new ApiError(
      'UnsupportedOperation.InstanceNotStopped',
      `The instance \`${instance.id}\` of the disk is not stopped.`,
    );
  }
  const at = world.now() + world.duration('expand', disk.id + call.requestId);
  const data = { size: request.DiskSize, state: disk.state };
  world.disks.update(disk.id, { state: 'EXPANDING' });
  world.schedule(at, 'disk.expanded', disk.id, call.requestId, data);
  return {};
};

interface ApplyRequest {
  readonly SnapshotId: string;
  readonly DiskId: string;
  readonly AutoStopInstance?: boolean;
  readonly AutoStartInstance?: boolean;
}

/** Rolls a disk back to one of its own snapshots; its instance must be stopped, or is stopped for it. */
const applySnapshot: Action = (call) => {
  const { world, requestId } = call;
  const request = call.params as ApplyRequest;
  const [snapshot] = requireSnapshots(call, [request.SnapshotId]) as [Snapshot];
  const disk = requireDisk(call, request.DiskId);
  if (request.AutoStartInstance === true && request.AutoStopInstance !== true)
    throw new ApiError('InvalidParameterValue', '`AutoStartInstance` needs `AutoStopInstance`.');
  requireFit(call, snapshot, disk);
  const instance = world.instances.get(disk.instanceId ?? '');
  const stops = request.AutoStopInstance === true && instance?.state === 'RUNNING';
  if (instance !== undefined) requireStill(instance, stops);
  const stopTime = stops ? world.duration('stop', disk.id + requestId) : 0;
  const at = world.now() + stopTime + world.duration('rollback', disk.id + requestId, disk.size);
  world.disks.update(disk.id, { state: 'ROLLBACKING', changedAt: world.now(), doneAt: at });
  world.snapshots.update(snapshot.id, { state: 'ROLLBACKING' });
  if (stops) {
    world.instances.update(instance.id, { state: 'STOPPING', operation: begun('ApplySnapshot', requestId) });
    world.schedule(world.now() + stopTime, 'disk.instance-stopped', instance.id, requestId);
  }
  const data = { snapshot: snapshot.id, state: disk.state, start: stops && request.AutoStartInstance === true };
  world.schedule(at, 'disk.rolled-back', disk.id, requestId, data);
  return {};
};

function requireFit(call: Call, snapshot: Snapshot, disk: Disk): void {
  if (snapshot.state === 'ROLLBACKING')
    throw new ApiError('ResourceBusy', `A disk is being rolled back to the snapshot \`${snapshot.id}\`.`);
  if (snapshot.state !== 'NORMAL')
    throw new ApiError('ResourceUnavailable.SnapshotCreating', `The snapshot \`${snapshot.id}\` is not finished.`);
  if (snapshot.diskId !== disk.id || snapshot.copied)
    throw new ApiError('InvalidParameterValue', `The snapshot \`${snapshot.id}\` is not of the disk \`${disk.id}\`.`);
  if (snapshot.size !== disk.size)
    throw new ApiError('InvalidParameter.DiskSizeNotMatch', 'The disk has been resized since the snapshot was taken.');
  if (disk.state === 'ROLLBACKING')
    throw new ApiError('ResourceInUse.DiskRollbacking', `The disk \`${disk.id}\` is being rolled back.`);
  if (disk.state !== 'ATTACHED' && disk.state !== 'UNATTACHED')
    throw new ApiError('InvalidDisk.Busy', `The disk \`${disk.id}\` is busy.`);
  if (snapshotInProgress(call.world, disk) !== undefined)
    throw new ApiError('InvalidDisk.SnapshotCreating', `A snapshot of the disk \`${disk.id}\` is being created.`);
}

function requireStill(instance: Instance, stops: boolean): void {
  if (instance.state !== 'STOPPED' && !stops) {
    throw new ApiError(
      'InvalidInstance.NotSupported',
      `The instance \`${instance.id}\` is in the state \`${instance.state}\`.`,
    );
  }
  try {
    requireIdle([instance]);
  } catch {
    throw new ApiError('ResourceBusy', `The instance \`${instance.id}\` already has operation in progress.`);
  }
}

/** What becomes of disks that grow or are rolled back. */
export const changeDiskReactions: Readonly<Record<string, Reaction>> = {
  'disk.expanded': (world, happening) => {
    const disk = world.disks.get(happening.target);
    if (disk === undefined) return;
    const state = disk.state === 'EXPANDING' ? stateAfter(disk, happening) : disk.state;
    world.disks.update(disk.id, { size: Number(happening.data.size), state });
  },
  'disk.instance-stopped': (world, happening) => {
    if (world.instances.get(happening.target)?.operation?.requestId !== happening.operation) return;
    world.instances.update(happening.target, { state: 'STOPPED', stoppedMode: 'KEEP_CHARGING' });
  },
  'disk.rolled-back': (world, happening) => {
    const disk = world.disks.get(happening.target);
    const snapshot = world.snapshots.get(String(happening.data.snapshot));
    if (snapshot?.state === 'ROLLBACKING') world.snapshots.update(snapshot.id, { state: 'NORMAL' });
    if (disk?.state !== 'ROLLBACKING') return;
    world.disks.update(disk.id, {
      state: stateAfter(disk, happening),
      content: snapshot?.content ?? disk.content,
      changedAt: 0,
      doneAt: 0,
    });
    letGo(world, disk, happening);
  },
};

/** The instance may have gone meanwhile, and left the disk behind. */
function stateAfter(disk: Disk, happening: Happening): Disk['state'] {
  return disk.instanceId !== null && happening.data.state === 'ATTACHED' ? 'ATTACHED' : 'UNATTACHED';
}

function letGo(world: World, disk: Disk, happening: Happening): void {
  const instance = world.instances.get(disk.instanceId ?? '');
  if (instance?.operation?.requestId !== happening.operation) return;
  if (happening.data.start === true) restart(world, instance, happening.operation, happening.at, 'ApplySnapshot');
  else world.instances.update(instance.id, { operation: { ...instance.operation, state: 'SUCCESS' } });
}

/** What the simulator serves of CBS, as to changing disks. */
export const changeDiskActions: Readonly<Record<string, Action>> = {
  ResizeDisk: resizeDisk,
  ApplySnapshot: applySnapshot,
};
