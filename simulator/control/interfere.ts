import { endImage, removeImage } from '../cvm/images';
import { removeSnapshot } from '../cbs/snapshots';
import { removeInstance } from '../cvm/instances';
import { type World } from '../state/world';

/** Acts of someone else: they happen at once, whatever the rules, as when a colleague was at the console a while ago. */
const acts = {
  'terminate-instance': (world: World, id: string) => {
    removeInstance(world, world.instances.must(id));
  },
  'start-instance': (world: World, id: string) => {
    world.instances.must(id);
    world.instances.update(id, { state: 'RUNNING', stoppedMode: 'NOT_APPLICABLE', operation: null });
  },
  'stop-instance': (world: World, id: string) => {
    world.instances.must(id);
    world.instances.update(id, { state: 'STOPPED', stoppedMode: 'KEEP_CHARGING', operation: null });
  },
  'delete-image': (world: World, id: string) => {
    removeImage(world, world.images.must(id), false);
  },
  'delete-snapshot': (world: World, id: string) => {
    const snapshot = world.snapshots.must(id);
    for (const image of world.images.all()) {
      if (image.snapshots.some((part) => part.id === id)) {
        world.images.update(image.id, { snapshots: image.snapshots.filter((part) => part.id !== id) });
      }
    }
    removeSnapshot(world, snapshot);
  },
  'finish-image': (world: World, id: string) => {
    endImage(world, id, 'done');
  },
  'fail-image': (world: World, id: string) => {
    endImage(world, id, 'failed');
  },
  'expire-keys': (world: World) => {
    for (const session of [...world.sessions.all()]) world.sessions.update(session.id, { expiresAt: 0 });
  },
} as const;

interface Interference {
  readonly act: string;
  readonly id?: string;
  readonly tags?: Readonly<Record<string, string | null>>;
}

/** Does what is asked; throws an Error that says what is wrong with it. */
export function interfere(world: World, given: Interference): void {
  const { act, id = '', tags } = given;
  if (act === 'retag') {
    retag(world, id, tags ?? {});
    return;
  }
  if (!Object.hasOwn(acts, act)) throw new Error(`unknown act "${act}": use ${Object.keys(acts).join(', ')}, retag`);
  acts[act as keyof typeof acts](world, id);
}

/** Sets tags, or (null) takes them away, on whatever has the ID. */
function retag(world: World, id: string, tags: Readonly<Record<string, string | null>>): void {
  for (const table of [world.instances, world.images, world.snapshots, world.disks]) {
    const row = table.get(id);
    if (row === undefined) continue;
    const merged = Object.entries({ ...row.tags, ...tags }).filter(
      (entry): entry is [string, string] => entry[1] !== null,
    );
    table.update(id, { tags: Object.fromEntries(merged) });
    return;
  }
  throw new Error(`no resource ${id}`);
}
