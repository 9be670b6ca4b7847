import { type Happening, type Instance } from '../state/records';
import { type Reaction, type World } from '../state/world';
import { type Action } from '../wire/action';
import { ApiError } from '../wire/errors';
import { begun, endOperation, requireCharging, requireIdle, requireInstances, requireState } from './instances';
import { requireKeyPairs } from './key-pairs';
import { restart } from './power';

interface BindRequest {
  readonly InstanceIds: readonly string[];
  readonly KeyIds: readonly string[];
  readonly ForceStop?: boolean;
}

type ActionName = 'AssociateInstancesKeyPairs' | 'DisassociateInstancesKeyPairs';

/**
 * A stopped instance is changed where it stands. A running one is refused, or (ForceStop) stopped, changed and started
 * again, OPERATING all the while.
 */
function change(name: ActionName): Action {
  return (call) => {
    const request = call.params as BindRequest;
    const { world, requestId } = call;
    const instances = requireInstances(world, call.account, call.region, request.InstanceIds);
    const keys = requireKeyPairs(call, request.KeyIds).map((key) => key.id);
    requireChangeable(name, instances, request.ForceStop === true);
    const data = { bind: name === 'AssociateInstancesKeyPairs', keys: keys.join(',') };
    for (const instance of instances) {
      const running = instance.state === 'RUNNING';
      const key = instance.id + requestId;
      world.instances.update(instance.id, {
        operation: begun(name, requestId),
        ...(running ? { state: 'STOPPING' } : {}),
      });
      const at = world.now() + world.duration(running ? 'stop' : 'tail', key);
      world.schedule(at, running ? 'keys.changed-when-stopped' : 'keys.changed', instance.id, requestId, data);
    }
    return {};
  };
}

function requireChangeable(name: ActionName, instances: readonly Instance[], force: boolean): void {
  const windows = instances.find((instance) => instance.system.windows);
  if (windows !== undefined) {
    throw new ApiError(
      'UnsupportedOperation.InstanceOsWindows',
      `The instance \`${windows.id}\` runs Windows, which takes no key pairs.`,
    );
  }
  requireIdle(instances);
  requireState(name, instances, force ? ['RUNNING', 'STOPPED'] : ['STOPPED']);
  requireCharging(instances);
}

function applied(world: World, happening: Happening): Instance | undefined {
  const instance = world.instances.get(happening.target);
  if (instance?.operation?.requestId !== happening.operation) return undefined;
  const keys = String(happening.data.keys).split(',');
  const others = instance.keyIds.filter((id) => !keys.includes(id));
  // A key pair may have been deleted meanwhile.
  const bound = keys.filter((id) => world.keyPairs.get(id) !== undefined);
  world.instances.update(instance.id, { keyIds: happening.data.bind === true ? [...others, ...bound] : others });
  return instance;
}

/** What becomes of instances whose key pairs change. */
export const bindKeysReactions: Readonly<Record<string, Reaction>> = {
  'keys.changed': (world, happening) => {
    if (applied(world, happening) !== undefined) endOperation(world, happening.target, happening.operation, 'SUCCESS');
  },
  'keys.changed-when-stopped': (world, happening) => {
    const instance = applied(world, happening);
    if (instance === undefined) return;
    world.instances.update(instance.id, { state: 'STOPPED', stoppedMode: 'KEEP_CHARGING' });
    const at = happening.at + world.duration('tail', instance.id + happening.operation);
    world.schedule(at, 'keys.start', instance.id, happening.operation);
  },
  'keys.start': (world, happening) => {
    const instance = world.instances.get(happening.target);
    if (instance?.operation?.requestId !== happening.operation || instance.state !== 'STOPPED') return;
    restart(world, instance, happening.operation, happening.at, instance.operation.name);
  },
};

/** Binding key pairs to instances, and taking them away. */
export const bindKeysActions: Readonly<Record<string, Action>> = {
  AssociateInstancesKeyPairs: change('AssociateInstancesKeyPairs'),
  DisassociateInstancesKeyPairs: change('DisassociateInstancesKeyPairs'),
};
