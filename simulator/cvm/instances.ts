import codes from '../data/error-codes.json';
import { type Disk, type Instance, type InstanceState, type Operation } from '../state/records';
import { fraction } from '../state/random';
import { type World } from '../state/world';
import { ApiError } from '../wire/errors';

/** The codes' spelling of a state: RUNNING -> Running, LAUNCH_FAILED -> LaunchFailed. */
function camel(state: InstanceState): string {
  return state.toLowerCase().replace(/(?:^|_)([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

/** The instance, if it is the account's, in the region. */
export function ownInstance(world: World, account: string, region: string, id: string): Instance | undefined {
  const instance = world.instances.get(id);
  return instance?.account === account && instance.region === region ? instance : undefined;
}

/** The instances that a mutating action names; throws for a malformed ID, an unknown one, too many. */
export function requireInstances(world: World, account: string, region: string, ids: readonly string[]): Instance[] {
  if (ids.length === 0)
    throw new ApiError('MissingParameter', 'The request is missing a required parameter `InstanceIds`.');
  if (ids.length > 100)
    throw new ApiError('InvalidParameterValue.LimitExceeded', 'The number of instances exceeds the limit `100`.');
  for (const id of ids) {
    if (!/^ins-[0-9a-z]{8}$/.test(id))
      throw new ApiError('InvalidInstanceId.Malformed', `The instance ID \`${id}\` is malformed.`);
  }
  return [...new Set(ids)].map((id) => {
    const instance = ownInstance(world, account, region, id);
    if (instance === undefined)
      throw new ApiError('InvalidInstanceId.NotFound', `The instance \`${id}\` does not exist.`);
    return instance;
  });
}

/** Refuses instances in other states than these, with the code of the state where the action has one. */
export function requireState(
  action: keyof typeof codes,
  instances: readonly Instance[],
  allowed: readonly InstanceState[],
): void {
  for (const instance of instances) {
    if (allowed.includes(instance.state)) continue;
    const code = `UnsupportedOperation.InstanceState${camel(instance.state)}`;
    throw new ApiError(
      (codes[action] as readonly string[]).includes(code) ? code : 'InvalidInstance.NotSupported',
      `The instance \`${instance.id}\` is in the state \`${instance.state}\`, which does not allow this operation.`,
    );
  }
}

/** Refuses instances that an operation is going on with. */
export function requireIdle(instances: readonly Instance[]): void {
  const busy = instances
    .filter((instance) => instance.operation?.state === 'OPERATING')
    .map((instance) => `'${instance.id}'`);
  if (busy.length > 0) {
    throw new ApiError(
      'OperationDenied.InstanceOperationInProgress',
      `The instance \`[${busy.join(', ')}]\` already has operation in progress. Please try again later.`,
    );
  }
}

/** Refuses instances that are stopped without being charged. */
export function requireCharging(instances: readonly Instance[]): void {
  const stopped = instances.find(
    (instance) => instance.state === 'STOPPED' && instance.stoppedMode === 'STOP_CHARGING',
  );
  if (stopped !== undefined) {
    throw new ApiError(
      'UnsupportedOperation.StoppedModeStopCharging',
      `The instance \`${stopped.id}\` is stopped with STOP_CHARGING, which does not allow this operation.`,
    );
  }
}

/** An operation that has just begun. */
export function begun(name: string, requestId: string): Operation {
  return { name, state: 'OPERATING', requestId, message: null };
}

/** Ends an operation, unless another has taken its place. */
export function endOperation(
  world: World,
  id: string,
  requestId: string,
  state: 'SUCCESS' | 'FAILED',
  message: string | null = null,
): void {
  const operation = world.instances.get(id)?.operation;
  if (operation?.requestId === requestId) world.instances.update(id, { operation: { ...operation, state, message } });
}

/** All disks of an instance, the system disk first. */
export function disksOf(world: World, instance: Instance): Disk[] {
  return [instance.systemDiskId, ...instance.dataDiskIds].flatMap((id) => world.disks.get(id) ?? []);
}

const localTypes: ReadonlySet<string> = new Set(['LOCAL_BASIC', 'LOCAL_SSD', 'LOCAL_NVME', 'LOCAL_PRO']);

export const isLocal = (disk: Pick<Disk, 'type'>): boolean => localTypes.has(disk.type);

/** Whether STOP_CHARGING means anything for the instance. */
export function canStopCharging(world: World, instance: Instance): boolean {
  return instance.chargeType === 'POSTPAID_BY_HOUR' && !disksOf(world, instance).some(isLocal);
}

/** Whether the guest may be writing to its disks. */
export function isWriting(instance: Instance | undefined): boolean {
  return instance !== undefined && instance.state !== 'STOPPED' && instance.state !== 'SHUTDOWN';
}

/** A public address; the same words give the same address. */
export function publicAddress(...words: readonly (string | number)[]): string {
  const part = (name: string): number => 1 + Math.floor(fraction(name, ...words) * 253);
  return `119.${part('b')}.${part('c')}.${part('d')}`;
}

/** Removes an instance with its system disk and the data disks that go with it; the others stay, detached. */
export function removeInstance(world: World, instance: Instance): void {
  for (const disk of disksOf(world, instance)) {
    if (disk.usage === 'SYSTEM_DISK' || disk.deleteWithInstance || isLocal(disk)) world.disks.delete(disk.id);
    else world.disks.update(disk.id, { instanceId: null, lastInstanceId: instance.id, state: 'UNATTACHED' });
  }
  world.instances.delete(instance.id);
}
