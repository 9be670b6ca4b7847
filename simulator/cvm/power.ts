import { type Happening, type Instance } from '../state/records';
import { type Reaction, type World } from '../state/world';
import { type Action, type Call } from '../wire/action';
import { ApiError } from '../wire/errors';
import { requireOneOf } from '../wire/values';
import {
  begun,
  canStopCharging,
  disksOf,
  endOperation,
  publicAddress,
  removeInstance,
  requireCharging,
  requireIdle,
  requireInstances,
  requireState,
} from './instances';

type StopType = 'SOFT' | 'HARD' | 'SOFT_FIRST';

interface PowerRequest {
  readonly InstanceIds: readonly string[];
  readonly StopType?: string;
  readonly StoppedMode?: string;
  readonly ForceStop?: boolean;
  readonly ForceReboot?: boolean;
}

function stopTypeOf(request: PowerRequest): StopType {
  const force = request.ForceStop ?? request.ForceReboot;
  const stopType = request.StopType ?? '';
  if (force !== undefined && stopType !== '') {
    throw new ApiError(
      'InvalidParameterCombination',
      '`StopType` cannot be used together with the older force parameter.',
    );
  }
  requireOneOf('StopType', stopType, ['SOFT', 'HARD', 'SOFT_FIRST']);
  if (force === true) return 'SOFT_FIRST';
  return stopType === 'HARD' || stopType === 'SOFT_FIRST' ? stopType : 'SOFT';
}

function targets(call: Call, request: PowerRequest): Instance[] {
  return requireInstances(call.world, call.account, call.region, request.InstanceIds);
}

/** RUNNING -> STOPPING -> STOPPED, or back to RUNNING when a soft stop fails. */
export const stopInstances: Action = (call) => {
  const { world, requestId } = call;
  const request = call.params as PowerRequest;
  const stopType = stopTypeOf(request);
  requireOneOf('StoppedMode', request.StoppedMode, ['KEEP_CHARGING', 'STOP_CHARGING']);
  const instances = targets(call, request);
  requireState('StopInstances', instances, ['RUNNING']);
  requireIdle(instances);
  if (call.outcome('stop-ignored')) return {};
  const softFails = stopType !== 'HARD' && call.outcome('soft-stop-fails');
  for (const instance of instances) {
    const stopCharging = request.StoppedMode === 'STOP_CHARGING' && canStopCharging(world, instance);
    world.instances.update(instance.id, { state: 'STOPPING', operation: begun('StopInstances', requestId) });
    const softTime = world.duration('stop', instance.id + requestId);
    // A hard stop is a power cut: it does not wait for the guest.
    const hardTime = softTime / 4;
    const at = world.now() + (stopType === 'HARD' ? hardTime : softTime);
    if (softFails && stopType === 'SOFT') world.schedule(at, 'instance.stop-failed', instance.id, requestId);
    else world.schedule(softFails ? at + hardTime : at, 'instance.stopped', instance.id, requestId, { stopCharging });
  }
  return {};
};

/** STOPPED -> STARTING -> RUNNING. */
export const startInstances: Action = (call) => {
  const { world, requestId } = call;
  const instances = targets(call, call.params as PowerRequest);
  requireState('StartInstances', instances, ['STOPPED']);
  requireIdle(instances);
  for (const instance of instances) requireWholeDisks(world, instance);
  for (const instance of instances) start(world, instance, requestId, world.now());
  return {};
};

/** A disk that is being rolled back cannot be booted from, or mounted. */
function requireWholeDisks(world: World, instance: Instance): void {
  const disk = disksOf(world, instance).find((candidate) => candidate.state === 'ROLLBACKING');
  if (disk !== undefined)
    throw new ApiError('MutexOperation.TaskRunning', `The disk \`${disk.id}\` is being rolled back.`);
}

function start(world: World, instance: Instance, requestId: string, now: number, name = 'StartInstances'): void {
  world.instances.update(instance.id, {
    state: 'STARTING',
    stoppedMode: 'NOT_APPLICABLE',
    operation: begun(name, requestId),
  });
  world.schedule(now + world.duration('start', instance.id + requestId), 'instance.running', instance.id, requestId);
}

/** Starts an instance by itself, at the end of an operation that has stopped it. */
export const restart = start;

/** RUNNING -> REBOOTING -> RUNNING. */
export const rebootInstances: Action = (call) => {
  const request = call.params as PowerRequest;
  stopTypeOf(request);
  const instances = targets(call, request);
  requireCharging(instances);
  requireState('RebootInstances', instances, ['RUNNING']);
  requireIdle(instances);
  for (const instance of instances) reboot(call, instance, 'RebootInstances');
  return {};
};

/** Sends a running instance down and up again. */
export function reboot({ world, requestId }: Call, instance: Instance, name: string): void {
  world.instances.update(instance.id, { state: 'REBOOTING', operation: begun(name, requestId) });
  const at = world.now() + world.duration('reboot', instance.id + requestId);
  world.schedule(at, 'instance.running', instance.id, requestId);
}

/** Postpaid: TERMINATING -> gone. Prepaid: the first call moves to the recycle bin (SHUTDOWN), the second destroys. */
export const terminateInstances: Action = (call) => {
  const { world, requestId } = call;
  const instances = targets(call, call.params as PowerRequest);
  const isPrepaid = (instance: Instance): boolean => instance.chargeType === 'PREPAID';
  if (instances.some(isPrepaid) && !instances.every(isPrepaid)) {
    throw new ApiError('UnsupportedOperation.InstanceMixedPricingModel', 'The instances have different charge types.');
  }
  const kept = instances.find((instance) => instance.protected);
  if (kept !== undefined) {
    throw new ApiError(
      'UnsupportedOperation.InstancesProtected',
      `The instance \`${kept.id}\` is protected from termination.`,
    );
  }
  requireState('TerminateInstances', instances, ['RUNNING', 'STOPPED', 'SHUTDOWN']);
  requireIdle(instances);
  for (const instance of instances) {
    const operation = begun('TerminateInstances', requestId);
    if (isPrepaid(instance) && instance.state !== 'SHUTDOWN') {
      world.instances.update(instance.id, { state: 'SHUTDOWN', operation: { ...operation, state: 'SUCCESS' } });
      continue;
    }
    world.instances.update(instance.id, { state: 'TERMINATING', operation });
    const at = world.now() + world.duration('terminate', instance.id + requestId);
    world.schedule(at, 'instance.gone', instance.id, requestId);
  }
  return {};
};

const current = (world: World, happening: Happening): Instance | undefined => {
  const instance = world.instances.get(happening.target);
  return instance?.operation?.requestId === happening.operation ? instance : undefined;
};

/** What becomes of instances when the time has come. */
export const powerReactions: Readonly<Record<string, Reaction>> = {
  'instance.stopped': (world, happening) => {
    const instance = current(world, happening);
    if (instance === undefined) return;
    const stopCharging = happening.data.stopCharging === true;
    world.instances.update(instance.id, {
      state: 'STOPPED',
      stoppedMode: stopCharging ? 'STOP_CHARGING' : 'KEEP_CHARGING',
      // The automatically assigned address goes back to the pool.
      publicIp: stopCharging ? null : instance.publicIp,
    });
    endOperation(world, instance.id, happening.operation, 'SUCCESS');
  },
  'instance.stop-failed': (world, happening) => {
    if (current(world, happening) === undefined) return;
    world.instances.update(happening.target, { state: 'RUNNING' });
    endOperation(world, happening.target, happening.operation, 'FAILED', 'The guest did not shut down in time.');
  },
  'instance.running': (world, happening) => {
    const instance = current(world, happening);
    if (instance === undefined) return;
    const entitled = instance.bandwidth > 0 && instance.declinesPublicIp !== true;
    const publicIp = instance.publicIp ?? (entitled ? publicAddress(instance.id, happening.operation) : null);
    world.instances.update(instance.id, {
      state: 'RUNNING',
      stoppedMode: 'NOT_APPLICABLE',
      publicIp,
      booted: false,
      bootedBy: happening.operation,
    });
    if (instance.loopback !== null) {
      const up = happening.at + world.duration('boot', instance.id + happening.operation);
      world.schedule(up, 'instance.booted', instance.id, happening.operation);
    }
    // The real cloud reports RUNNING a little before it lets go of the instance.
    const at = happening.at + world.duration('tail', instance.id + happening.operation);
    world.schedule(at, 'instance.idle', instance.id, happening.operation);
  },
  'instance.booted': (world, happening) => {
    // Other operations may have begun meanwhile; only another start begins another boot.
    const bootedBy = world.instances.get(happening.target)?.bootedBy ?? happening.operation;
    if (bootedBy === happening.operation) world.instances.update(happening.target, { booted: true });
  },
  'instance.idle': (world, happening) => {
    if (current(world, happening) !== undefined) endOperation(world, happening.target, happening.operation, 'SUCCESS');
  },
  'instance.launch-failed': (world, happening) => {
    const instance = current(world, happening);
    if (instance === undefined) return;
    world.instances.update(instance.id, { state: 'LAUNCH_FAILED' });
    endOperation(world, instance.id, happening.operation, 'FAILED', 'The instance could not be launched.');
    const at = happening.at + world.duration('failedLaunch', instance.id);
    world.schedule(at, 'instance.gone', instance.id, happening.operation);
  },
  'instance.gone': (world, happening) => {
    const instance = current(world, happening);
    if (instance !== undefined) removeInstance(world, instance);
  },
};
