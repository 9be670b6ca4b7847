import { answerAgain, type Remember } from '../state/client-tokens';
import { type Image, type Instance } from '../state/records';
import { newLoopback } from '../guests/loopback';
import { uuidFrom } from '../state/random';
import { type Action, type Call } from '../wire/action';
import { ApiError } from '../wire/errors';
import { characters } from '../wire/formats';
import { freeAddress } from '../vpc/addresses';
import { begun, publicAddress } from './instances';
import { type DiskPlan } from './launch-disks';
import { checkLaunch, type LaunchPlan, type LaunchRequest, numbered } from './launch-plan';

/** Checks everything, then makes instances that are PENDING with their disks attached. */
export const runInstances: Action = (call) => {
  const request = call.params as LaunchRequest;
  const token = request.ClientToken ?? '';
  if (characters(token) > 64)
    throw new ApiError('InvalidClientToken.TooLong', 'The `ClientToken` exceeds 64 characters.');
  const memory = answerAgain(call, 'RunInstances', token, 'InvalidParameterValue.Duplicate');
  if (memory.ids !== undefined) return { InstanceIdSet: memory.ids };
  const plan = checkLaunch(call, request);
  if (request.DryRun === true) return {};
  return { InstanceIdSet: launch(call, plan, memory) };
};

function launch(call: Call, plan: LaunchPlan, memory: Remember): string[] {
  const { world, requestId } = call;
  const fails = call.outcome('launch-fails');
  const hiddenUntil = world.hiddenUntil(call.lag());
  const ids = Array.from({ length: plan.count }, (_, index) => {
    const instance = putInstance(call, plan, index, hiddenUntil);
    const at = world.now() + world.duration('launch', instance.id);
    world.schedule(at, fails ? 'instance.launch-failed' : 'instance.running', instance.id, requestId);
    return instance.id;
  });
  memory.remember(ids);
  return ids;
}

function putInstance(call: Call, plan: LaunchPlan, index: number, hiddenUntil: number): Instance {
  const { world } = call;
  const id = world.newId('ins');
  const common = { account: call.account, region: call.region, createdAt: world.now(), hiddenUntil, tags: plan.tags };
  const putDisk = (disk: DiskPlan, usage: 'SYSTEM_DISK' | 'DATA_DISK'): string =>
    world.disks.put({
      ...common,
      id: world.newId('disk'),
      zone: plan.zone,
      name: disk.name,
      type: disk.type,
      usage,
      size: disk.size,
      state: 'ATTACHED',
      instanceId: id,
      lastInstanceId: null,
      deleteWithInstance: disk.deleteWithInstance,
      encrypted: disk.encrypted,
      chargeType: plan.chargeType === 'PREPAID' ? 'PREPAID' : 'POSTPAID_BY_HOUR',
      changedAt: 0,
      doneAt: 0,
      content: disk.content,
    }).id;
  return world.instances.put({
    ...common,
    id,
    zone: plan.zone,
    name: numbered(plan.name, index),
    type: plan.type,
    system: plan.image.system,
    imageId: plan.image.id,
    chargeType: plan.chargeType,
    state: 'PENDING',
    stoppedMode: 'NOT_APPLICABLE',
    systemDiskId: putDisk(plan.systemDisk, 'SYSTEM_DISK'),
    dataDiskIds: plan.dataDisks.map((disk) => putDisk(disk, 'DATA_DISK')),
    vpcId: plan.subnet.vpcId,
    subnetId: plan.subnet.id,
    privateIp: freeAddress(world, plan.subnet, id),
    publicIp: plan.bandwidth > 0 && !plan.declinesPublicIp ? publicAddress(id) : null,
    declinesPublicIp: plan.declinesPublicIp,
    bandwidth: plan.bandwidth,
    internetChargeType: plan.internetChargeType,
    securityGroupIds: plan.securityGroupIds,
    keyIds: plan.keyIds,
    hostName: plan.hostName === '' ? hostNameOf(plan.image, id) : numbered(plan.hostName, index),
    userData: plan.userData,
    camRoleName: plan.camRoleName === '' ? null : plan.camRoleName,
    protected: plan.protected,
    loopback: world.listens ? newLoopback(world) : null,
    booted: false,
    uuid: uuidFrom(id, call.requestId),
    operation: begun('RunInstances', call.requestId),
  });
}

function hostNameOf(image: Image, id: string): string {
  return image.system.windows ? id.slice(0, 15) : `vm-${id.slice('ins-'.length)}`;
}
