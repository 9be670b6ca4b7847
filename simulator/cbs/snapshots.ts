import { type Disk, type Instance, type Snapshot, type System, type Tags } from '../state/records';
import { type Reaction, type World } from '../state/world';
import { fraction } from '../state/random';
import { isWriting } from '../cvm/instances';
import { ApiError } from '../wire/errors';
import { chinaIsoTime, chinaTime, tagList } from '../wire/formats';

/** The mark of a snapshot that was taken while the guest was writing. */
const tornMark = '\u0000torn';

/** How far something is that began and ends at these times: 0 to 99. */
export function percentDone(from: number, to: number, now: number): number {
  return Math.max(0, Math.min(99, Math.floor((100 * (now - from)) / Math.max(1, to - from))));
}

/** Whether a disk or snapshot holds a copy that was taken while the guest was writing. */
export function isTorn(content: string): boolean {
  return content.includes(tornMark);
}

/** What the snapshot of that ID would hold of the disk, taken now. */
export function contentNow(world: World, disk: Disk, id: string): string {
  return mayTear(world, disk, id) ? disk.content + tornMark : disk.content;
}

function mayTear(world: World, disk: Disk, id: string): boolean {
  const { tornWhileRunning, tornShare } = world.switches;
  const instance = disk.instanceId === null ? undefined : world.instances.get(disk.instanceId);
  return tornWhileRunning && isWriting(instance) && fraction('torn', id) < tornShare;
}

/**
 * The guest writes: snapshots of its disk that are being taken get some of what was there before, and some of what is
 * there now. Those of a stopped instance hold what was there when they were asked for.
 */
export function writeToDisk(world: World, disk: Disk, content: string): void {
  for (const snapshot of world.snapshots.in(disk.account, disk.region)) {
    if (snapshot.diskId !== disk.id || snapshot.state !== 'CREATING' || !isTorn(snapshot.content)) continue;
    const before = snapshot.content.replaceAll(tornMark, '');
    const cut = Math.floor(fraction('cut', snapshot.id) * before.length);
    world.snapshots.update(snapshot.id, { content: before.slice(0, cut) + content.slice(cut) + tornMark });
  }
  world.disks.update(disk.id, { content });
}

/** Snapshots that the account may have in the region: 64, and 64 for each cloud disk. */
export function snapshotQuota(world: World, account: string, region: string): number {
  const set = world.settings.get(`snapshotQuota/${region}`)?.value;
  return set ?? 64 + 64 * world.disks.countIn(account, region);
}

/** The snapshot, if it is the account's, in the region. */
export function ownSnapshot(world: World, account: string, region: string, id: string): Snapshot | undefined {
  const snapshot = world.snapshots.get(id);
  if (snapshot?.account !== account || snapshot.region !== region) return undefined;
  return isDeleted(snapshot) ? undefined : snapshot;
}

/** The snapshot, if it is the account's or shared with it, in the region. */
export function visibleSnapshot(world: World, account: string, region: string, id: string): Snapshot | undefined {
  const snapshot = world.snapshots.get(id);
  if (snapshot?.region !== region || isDeleted(snapshot)) return undefined;
  return snapshot.account === account || isSharedWith(snapshot, account) ? snapshot : undefined;
}

/** Whether a snapshot is there only to be described as TORECYCLE. */
export function isDeleted(snapshot: Snapshot): boolean {
  return snapshot.state === 'TORECYCLE';
}

/** The account's snapshots in the region, without those that are deleted. */
export function snapshotsIn(world: World, account: string, region: string): Snapshot[] {
  return [...world.snapshots.in(account, region)].filter((snapshot) => !isDeleted(snapshot));
}

/** Whether somebody else's snapshot is shared with the account. */
export function isSharedWith(snapshot: Snapshot, account: string): boolean {
  return snapshot.account !== account && snapshot.shares.some((share) => share.account === account);
}

/** Whether `wanted` more snapshots fit into the account's quota in the region. */
export function hasSnapshotRoom(world: World, account: string, region: string, wanted = 1): boolean {
  return snapshotsIn(world, account, region).length + wanted <= snapshotQuota(world, account, region);
}

/** Takes a snapshot away, and out of its group; a group without snapshots goes too. It may be TORECYCLE for a while. */
export function removeSnapshot(world: World, snapshot: Snapshot): void {
  if (world.switches.snapshotsAreRecycled) {
    world.snapshots.update(snapshot.id, { state: 'TORECYCLE', imageIds: [], groupId: null, shares: [] });
    world.schedule(world.now() + world.duration('recycle', snapshot.id), 'snapshot.recycled', snapshot.id, '');
  } else world.snapshots.delete(snapshot.id);
  const group = snapshot.groupId === null ? undefined : world.snapshotGroups.get(snapshot.groupId);
  if (group === undefined) return;
  const snapshotIds = group.snapshotIds.filter((id) => id !== snapshot.id);
  if (snapshotIds.length === 0) world.snapshotGroups.delete(group.id);
  else world.snapshotGroups.update(group.id, { snapshotIds });
}

/** The snapshot of the disk that is being made, if there is one. */
export function snapshotInProgress(world: World, disk: Disk): Snapshot | undefined {
  for (const snapshot of world.snapshots.in(disk.account, disk.region)) {
    if (snapshot.diskId === disk.id && snapshot.state === 'CREATING') return snapshot;
  }
  return undefined;
}

interface NewSnapshot {
  readonly disk: Disk;
  readonly system: System | null;
  readonly name: string;
  readonly usage?: Snapshot['usage'];
  readonly tags?: Tags;
  readonly deadline?: string;
  readonly imageIds?: readonly string[];
  readonly groupId?: string;
  readonly doneAt: number;
  readonly hiddenUntil: number;
}

/** Begins a snapshot of a disk as it is now. */
export function beginSnapshot(world: World, wanted: NewSnapshot): Snapshot {
  const { disk } = wanted;
  const id = world.newId('snap');
  const snapshot = world.snapshots.put({
    id,
    account: disk.account,
    region: disk.region,
    createdAt: world.now(),
    hiddenUntil: wanted.hiddenUntil,
    tags: wanted.tags ?? {},
    zone: disk.zone,
    name: wanted.name,
    diskId: disk.id,
    usage: wanted.usage ?? disk.usage,
    size: disk.size,
    state: 'CREATING',
    doneAt: wanted.doneAt,
    encrypted: disk.encrypted,
    deadline: wanted.deadline ?? '',
    copied: false,
    imageIds: wanted.imageIds ?? [],
    groupId: wanted.groupId ?? null,
    shares: [],
    content: contentNow(world, disk, id),
    system: (wanted.usage ?? disk.usage) === 'SYSTEM_DISK' ? wanted.system : null,
  });
  world.schedule(wanted.doneAt, 'snapshot.done', snapshot.id, '');
  return snapshot;
}

/** What the disk boots: that of the instance whose system disk it is. */
export function systemOn(world: World, disk: Disk): System | null {
  const instance: Instance | undefined = disk.instanceId === null ? undefined : world.instances.get(disk.instanceId);
  return instance?.systemDiskId === disk.id ? instance.system : null;
}

const inTheMaking: readonly Snapshot['state'][] = ['CREATING', 'COPYING_FROM_REMOTE', 'CHECKING_COPIED'];

/** How much of the time of a copy goes by before what has arrived is checked. */
const copyingShare = 0.9;

/** Lets a snapshot that is being copied arrive, be checked and be done. */
export function scheduleCopy(world: World, id: string, doneAt: number): void {
  world.schedule(world.now() + (doneAt - world.now()) * copyingShare, 'snapshot.copied', id, '');
  world.schedule(doneAt, 'snapshot.done', id, '');
}

/** What becomes of snapshots when the time has come. */
export const snapshotReactions: Readonly<Record<string, Reaction>> = {
  'snapshot.done': (world, happening) => {
    const state = world.snapshots.get(happening.target)?.state;
    if (state !== undefined && inTheMaking.includes(state))
      world.snapshots.update(happening.target, { state: 'NORMAL' });
  },
  'snapshot.copied': (world, happening) => {
    if (world.snapshots.get(happening.target)?.state === 'COPYING_FROM_REMOTE')
      world.snapshots.update(happening.target, { state: 'CHECKING_COPIED' });
  },
  'snapshot.recycled': (world, happening) => {
    world.snapshots.delete(happening.target);
  },
  // Kept for so long: it goes when nothing holds it.
  'snapshot.expired': (world, happening) => {
    const snapshot = world.snapshots.get(happening.target);
    if (snapshot === undefined || snapshot.deadline !== happening.data.deadline) return;
    if (snapshot.state === 'NORMAL' && snapshot.imageIds.length === 0 && snapshot.shares.length === 0)
      removeSnapshot(world, snapshot);
  },
};

/** Refuses to delete snapshots that are not NORMAL, or that are shared. */
export function requireSettled(snapshots: readonly Snapshot[]): void {
  for (const { id, state, shares } of snapshots) {
    if (state === 'ROLLBACKING')
      throw new ApiError('ResourceBusy', `A disk is being rolled back to the snapshot \`${id}\`.`);
    if (state !== 'NORMAL')
      throw new ApiError('ResourceUnavailable.SnapshotCreating', `The snapshot \`${id}\` is still being created.`);
    if (shares.length > 0)
      throw new ApiError('UnsupportedOperation.SnapHasShared', `The snapshot \`${id}\` is shared with other accounts.`);
  }
}

/** A snapshot as CBS writes it. */
export function wireSnapshot(world: World, snapshot: Snapshot, account: string): object {
  const shared = isSharedWith(snapshot, account);
  const images = snapshot.imageIds.flatMap((id) => world.images.get(id) ?? []);
  const unfinished = inTheMaking.includes(snapshot.state);
  return {
    Placement: { Zone: snapshot.zone, CageId: null, CdcId: null, CdcName: null, ProjectId: 0, ProjectName: null },
    CopyFromRemote: snapshot.copied,
    SnapshotState: snapshot.state,
    IsPermanent: snapshot.deadline === '',
    SnapshotName: snapshot.name,
    DeadlineTime: snapshot.deadline === '' ? '' : chinaTime(Date.parse(snapshot.deadline)),
    Percent: unfinished ? percentDone(snapshot.createdAt, snapshot.doneAt, world.now()) : 100,
    Images: shared ? [] : images.map((image) => ({ ImageName: image.name, ImageId: image.id })),
    ShareReference: shared ? 0 : snapshot.shares.length,
    SnapshotType: shared ? 'SHARED_SNAPSHOT' : 'PRIVATE_SNAPSHOT',
    DiskSize: snapshot.size,
    DiskId: snapshot.diskId,
    CopyingToRegions: [],
    Encrypt: snapshot.encrypted,
    CreateTime: chinaTime(snapshot.createdAt),
    ImageCount: shared ? 0 : images.length,
    DiskUsage: snapshot.usage,
    SnapshotId: snapshot.id,
    TimeStartShare: shareTime(snapshot, account),
    Tags: shared ? [] : tagList(snapshot.tags),
    IsLocked: false,
    LatestModifyTime: chinaIsoTime(snapshot.createdAt),
    SnapshotMode: 'STANDARD_SNAPSHOT',
  };
}

/** When the account, or (for the owner) the first account, was let in. */
function shareTime(snapshot: Snapshot, account: string): string {
  const shares = snapshot.account === account ? snapshot.shares : snapshot.shares.filter((s) => s.account === account);
  const [first] = shares;
  return first === undefined ? '' : chinaTime(first.at);
}
