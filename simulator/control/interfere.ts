import { z } from 'zod';
import { endImage, removeImage } from '../cvm/images';
import { removeSnapshot } from '../cbs/snapshots';
import { instanceTypes } from '../cvm/instance-types';
import { begun, removeInstance } from '../cvm/instances';
import { checked } from '../problems';
import { type ApiKey } from '../state/records';
import { type World } from '../state/world';

/** What someone else does. Which fields count depends on the act. */
export interface Interference {
  readonly act: string;
  readonly id?: string;
  /** Tags to set; null takes one away. */
  readonly tags?: Readonly<Record<string, string | null>>;
  /** GiB. */
  readonly size?: number;
  readonly name?: string;
  /** Instance type. */
  readonly type?: string;
  /** Simulated seconds. */
  readonly seconds?: number;
}

type Act = (world: World, id: string, given: Interference) => void;

/** Acts of someone else: they happen at once, whatever the rules, as when a colleague was at the console a while ago. */
const acts: Readonly<Record<string, Act>> = {
  'terminate-instance': (world, id) => {
    removeInstance(world, world.instances.must(id));
  },
  'start-instance': (world, id) => {
    world.instances.must(id);
    world.instances.update(id, { state: 'RUNNING', stoppedMode: 'NOT_APPLICABLE', operation: null, booted: true });
  },
  'stop-instance': (world, id) => {
    world.instances.must(id);
    world.instances.update(id, { state: 'STOPPED', stoppedMode: 'KEEP_CHARGING', operation: null });
  },
  // Something goes on with the instance that nobody of ours began, for some time.
  'busy-instance': (world, id, { seconds = 60 }) => {
    world.instances.must(id);
    const requestId = `someone-else-${world.count('interference')}`;
    world.instances.update(id, { operation: begun('ModifyInstancesAttribute', requestId) });
    world.schedule(world.now() + (seconds * 1000) / world.speed, 'instance.idle', id, requestId);
  },
  'resize-instance': (world, id, { type }) => {
    world.instances.must(id);
    if (type === undefined || !instanceTypes.has(type)) throw new Error('"resize-instance" needs a type');
    world.instances.update(id, { type });
  },
  'delete-image': (world, id) => {
    // What was still being made of it comes to its end, which lets go of the source instance.
    if (world.images.must(id).state === 'CREATING') endImage(world, id, 'failed');
    removeImage(world, world.images.must(id), false);
  },
  'rename-image': (world, id, { name }) => {
    world.images.must(id);
    if (name === undefined) throw new Error('"rename-image" needs a name');
    world.images.update(id, { name });
  },
  'delete-snapshot': (world, id) => {
    const snapshot = world.snapshots.must(id);
    for (const image of world.images.all()) {
      if (image.snapshots.some((part) => part.id === id)) {
        world.images.update(image.id, { snapshots: image.snapshots.filter((part) => part.id !== id) });
      }
    }
    removeSnapshot(world, snapshot);
  },
  'resize-disk': (world, id, { size }) => {
    world.disks.must(id);
    if (size === undefined || !(size > 0)) throw new Error('"resize-disk" needs a size in GiB');
    world.disks.update(id, { size });
  },
  'detach-disk': (world, id) => {
    const disk = world.disks.must(id);
    if (disk.usage !== 'DATA_DISK') throw new Error(`the disk ${id} is a system disk`);
    const instance = world.instances.get(disk.instanceId ?? '');
    if (instance !== undefined)
      world.instances.update(instance.id, { dataDiskIds: instance.dataDiskIds.filter((other) => other !== id) });
    world.disks.update(id, { state: 'UNATTACHED', lastInstanceId: disk.instanceId, instanceId: null });
  },
  'finish-image': (world, id) => {
    endImage(world, id, 'done');
  },
  'fail-image': (world, id) => {
    endImage(world, id, 'failed');
  },
  retag: (world, id, { tags = {} }) => {
    retag(world, id, tags);
  },
  'expire-keys': (world) => {
    for (const session of [...world.sessions.all()]) world.sessions.update(session.id, { expiresAt: world.now() });
  },
  'revoke-key': (world, id) => {
    setRevoked(world, id, true);
  },
  'restore-key': (world, id) => {
    setRevoked(world, id, false);
  },
};

const fields = z.strictObject({
  act: z.string(),
  id: z.string().min(1).optional(),
  tags: z.record(z.string().min(1), z.string().nullable()).optional(),
  size: z.int().min(1).optional(),
  name: z.string().min(1).optional(),
  type: z.string().min(1).optional(),
  seconds: z.number().min(0).optional(),
});

/** Checks an interference as posted; throws an Error that says what is wrong with it. */
export function checkInterference(given: unknown): Interference {
  if (typeof given !== 'object' || given === null) throw new Error('an interference is a JSON object with an "act"');
  const { act } = given as { act?: unknown };
  if (typeof act !== 'string' || !Object.hasOwn(acts, act))
    throw new Error(`unknown act "${String(act)}": use ${Object.keys(acts).join(', ')}`);
  const interference = checked(fields, given, 'the interference') as Interference;
  if (interference.id === undefined && act !== 'expire-keys')
    throw new Error(`"${act}" needs the id of what it is done to`);
  return interference;
}

/** Does what is asked; throws an Error when what it is to be done to is not there. */
export function interfere(world: World, given: Interference): void {
  acts[given.act]!(world, given.id ?? '', given);
}

/** Revokes an API key by its SecretId, or makes it good again. */
function setRevoked(world: World, secretId: string, revoked: boolean): void {
  for (const account of world.accounts.all()) {
    if (!account.keys.some((key) => key.secretId === secretId)) continue;
    const keys = account.keys.map((key): ApiKey => (key.secretId === secretId ? { ...key, revoked } : key));
    world.accounts.update(account.id, { keys });
    return;
  }
  throw new Error(`no key ${secretId}`);
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
