import { regionOf, regions } from '../vpc/regions';
import { type Action } from '../wire/action';
import { ApiError } from '../wire/errors';
import { characters } from '../wire/formats';
import { bindKeysActions } from './bind-keys';
import { describeAccountQuota, describeImageQuota } from './account-quota';
import { createImage } from './create-image';
import { describeInstances, describeInstancesStatus } from './describe-instances';
import { deleteImages, describeImageFromFamily, describeImages, modifyImageAttribute } from './image-actions';
import { describeImageSharePermission, modifyImageSharePermission } from './image-sharing';
import { describeInstanceTypeConfigs, describeZoneInstanceConfigInfos } from './describe-types';
import { requireCharging, requireIdle, requireInstances, requireState } from './instances';
import { keyPairActions } from './key-pairs';
import { chooseSecurityGroups } from './launch-network';
import { requireHostName, requireUserData } from './launch-plan';
import { reboot, rebootInstances, startInstances, stopInstances, terminateInstances } from './power';
import { syncImages } from './sync-images';
import { priceActions } from './prices';
import { runInstances } from './run-instances';

const describeRegions: Action = () => ({
  TotalCount: regions.size,
  RegionSet: [...regions.values()].map((region) => ({
    Region: region.name,
    RegionName: region.title,
    RegionState: 'AVAILABLE',
  })),
});

const describeZones: Action = (call) => {
  const region = regionOf(call.region);
  const zones = region.zones.map((zone, index) => ({
    Zone: zone,
    ZoneName: `${region.title} Zone ${index + 1}`,
    ZoneId: String(region.number * 10_000 + index + 1),
    ZoneState: 'AVAILABLE',
  }));
  return { TotalCount: zones.length, ZoneSet: zones };
};

interface ModifyRequest {
  readonly InstanceIds: readonly string[];
  readonly InstanceName?: string;
  readonly UserData?: string;
  readonly SecurityGroups?: readonly string[];
  readonly CamRoleName?: string;
  readonly HostName?: string;
  readonly DisableApiTermination?: boolean;
  readonly AutoReboot?: boolean;
}

const modifyInstancesAttribute: Action = (call) => {
  const { InstanceIds, ...rest } = call.params as ModifyRequest;
  const instances = requireInstances(call.world, call.account, call.region, InstanceIds);
  const kinds = (
    ['InstanceName', 'UserData', 'SecurityGroups', 'CamRoleName', 'HostName', 'DisableApiTermination'] as const
  ).filter((name) => rest[name] !== undefined);
  if (kinds.length !== 1)
    throw new ApiError('InvalidParameterValue', 'Exactly one kind of attribute can be changed in one call.');
  requireState('ModifyInstancesAttribute', instances, ['RUNNING', 'STOPPED']);
  requireCharging(instances);
  if (rest.InstanceName !== undefined && characters(rest.InstanceName) > 60) {
    throw new ApiError('InvalidInstanceName.TooLong', 'The instance name is too long.');
  }
  if (rest.HostName !== undefined) {
    requireIdle(instances);
    for (const { system } of instances) requireHostName(rest.HostName, system.windows);
  }
  requireUserData(rest.UserData ?? '');
  if (rest.SecurityGroups !== undefined) chooseSecurityGroups(call, rest.SecurityGroups);
  for (const instance of instances) {
    call.world.instances.update(instance.id, {
      name: rest.InstanceName ?? instance.name,
      userData: rest.UserData ?? instance.userData,
      securityGroupIds: rest.SecurityGroups ?? instance.securityGroupIds,
      camRoleName: rest.CamRoleName === undefined ? instance.camRoleName : rest.CamRoleName || null,
      hostName: rest.HostName ?? instance.hostName,
      protected: rest.DisableApiTermination ?? instance.protected,
    });
    if (rest.HostName !== undefined && rest.AutoReboot !== false && instance.state === 'RUNNING')
      reboot(call, instance, 'ModifyInstancesAttribute');
  }
  return {};
};

/** What the simulator serves of CVM. */
export const cvmActions: Readonly<Record<string, Action>> = {
  DescribeRegions: describeRegions,
  DescribeZones: describeZones,
  DescribeInstances: describeInstances,
  DescribeInstancesStatus: describeInstancesStatus,
  DescribeInstanceTypeConfigs: describeInstanceTypeConfigs,
  StartInstances: startInstances,
  StopInstances: stopInstances,
  RebootInstances: rebootInstances,
  RunInstances: runInstances,
  TerminateInstances: terminateInstances,
  ModifyInstancesAttribute: modifyInstancesAttribute,
  CreateImage: createImage,
  DescribeImages: describeImages,
  DescribeImageQuota: describeImageQuota,
  DescribeAccountQuota: describeAccountQuota,
  DeleteImages: deleteImages,
  ModifyImageAttribute: modifyImageAttribute,
  SyncImages: syncImages,
  ModifyImageSharePermission: modifyImageSharePermission,
  DescribeImageSharePermission: describeImageSharePermission,
  ...keyPairActions,
  ...bindKeysActions,
  ...priceActions,
  DescribeImageFromFamily: describeImageFromFamily,
  DescribeZoneInstanceConfigInfos: describeZoneInstanceConfigInfos,
};
