import { type Image, type Instance, type Snapshot } from '../state/records';
import { type World } from '../state/world';
import { imageQuota } from '../cvm/images';
import { percentDone } from '../cbs/snapshots';

/** Rows of a kind that the page shows at most; how many there are is said beside. */
const mostRows = 100;
const mostCalls = 50;

interface Shown<T> {
  readonly total: number;
  readonly rows: readonly T[];
}

function newest<T, U>(rows: readonly T[], show: (row: T) => U): Shown<U> {
  return { total: rows.length, rows: rows.slice(-mostRows).reverse().map(show) };
}

/** What the page for people shows: one region of all accounts, what goes on, and the latest calls. */
export function overview(world: World, region: string): object {
  const accounts = [...world.accounts.all()].map((account) => account.id);
  const rowsIn = <T>(table: { in(account: string, region: string): Iterable<T> }): T[] =>
    accounts.flatMap((account) => [...table.in(account, region)]);
  const now = world.now();
  return {
    speed: world.speed,
    stopped: world.isStopped,
    regions: regionsInUse(world),
    imageQuota: imageQuota(world, region),
    instances: newest(rowsIn(world.instances), (row) => shownInstance(world, row)),
    images: newest(rowsIn(world.images), (row) => shownImage(row, now)),
    snapshots: newest(rowsIn(world.snapshots), (row) => shownSnapshot(row, now)),
    operations: operations(world),
    calls: world.calls
      .slice(-mostCalls)
      .reverse()
      .map(({ time, action, region: where, account, outcome, resources, faults }) => {
        return { time, action, region: where, account, outcome, resources: resources.slice(0, 3), faults };
      }),
    faults: [...world.faults.all()].map((fault) => ({ ...fault, waiting: world.pauses.count(fault.id) })),
  };
}

function regionsInUse(world: World): string[] {
  const used = new Set<string>();
  for (const table of [world.instances, world.images, world.snapshots])
    for (const row of table.all()) if (row.region !== '') used.add(row.region);
  return [...used].sort();
}

function shownInstance(world: World, instance: Instance): object {
  const { id, account, name, state, operation, loopback, privateIp } = instance;
  const busy = operation?.state === 'OPERATING' ? operation.name : '';
  const disks = [instance.systemDiskId, ...instance.dataDiskIds].flatMap((disk) => world.disks.get(disk) ?? []);
  const size = disks.reduce((sum, disk) => sum + disk.size, 0);
  return { id, account, name, state, busy, address: loopback ?? privateIp, disks: `${disks.length}, ${size} GiB` };
}

function shownImage(image: Image, now: number): object {
  const { id, account, name, state, family, shares, snapshots } = image;
  const percent = state === 'CREATING' || state === 'SYNCING' ? percentDone(image.createdAt, image.doneAt, now) : 100;
  return { id, account, name, state, family, percent, shares: shares.length, snapshots: snapshots.length };
}

function shownSnapshot(snapshot: Snapshot, now: number): object {
  const { id, account, name, state, diskId, usage, size, imageIds } = snapshot;
  const percent = snapshot.doneAt <= now ? 100 : percentDone(snapshot.createdAt, snapshot.doneAt, now);
  return { id, account, name, state, percent, disk: `${diskId}, ${usage}`, size, images: imageIds.length };
}

/** What is on its way, the next first, with the real seconds until then. */
function operations(world: World): Shown<object> {
  const coming = [...world.happenings.all()].sort((one, other) => one.at - other.at);
  const rows = coming.slice(0, mostRows).map(({ type, target, at }) => {
    return { type, target, seconds: Math.max(0, Math.round((at - world.now()) / 100) / 10) };
  });
  return { total: coming.length, rows };
}
