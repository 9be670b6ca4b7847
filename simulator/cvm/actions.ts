import { regionOf, regions } from '../vpc/regions';
import { type Action } from '../wire/action';
import { ApiError } from '../wire/errors';
import { type Filter, type FilterKeys, matcher, page, tagKeys } from '../wire/filters';
import { characters, isoTime, tagList } from '../wire/formats';
import { type KeyPair } from '../state/records';
import { createImage } from './create-image';
import { describeInstances, describeInstancesStatus, describeInstanceTypeConfigs } from './describe-instances';
import {
  deleteImages,
  describeAccountQuota,
  describeImageQuota,
  describeImages,
  describeImageSharePermission,
  modifyImageAttribute,
  modifyImageSharePermission,
  syncImages,
} from './image-actions';
import { requireCharging, requireIdle, requireInstances, requireState } from './instances';
import { chooseSecurityGroups } from './launch-network';
import { rebootInstances, startInstances, stopInstances, terminateInstances } from './power';
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
  if (rest.InstanceName !== undefined && characters(rest.InstanceName) > 128) {
    throw new ApiError('InvalidInstanceName.TooLong', 'The instance name is too long.');
  }
  if (rest.HostName !== undefined) requireIdle(instances);
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
  }
  return {};
};

interface KeyPairsRequest {
  readonly KeyIds?: readonly string[];
  readonly Filters?: readonly Filter[];
  readonly Offset?: number;
  readonly Limit?: number;
}

const keyPairKeys: FilterKeys<KeyPair> = {
  ...tagKeys,
  'project-id': (_, value) => value === '0',
  'key-name': (key, value) => key.name === value,
};

const describeKeyPairs: Action = (call) => {
  const { world, account, region } = call;
  const request = call.params as KeyPairsRequest;
  const ids = request.KeyIds ?? [];
  if (ids.length > 0 && (request.Filters ?? []).length > 0) {
    throw new ApiError('InvalidParameter', '`KeyIds` and `Filters` cannot be used together.');
  }
  const malformed = ids.find((id) => !/^skey-[0-9a-z]{8}$/.test(id));
  if (malformed !== undefined)
    throw new ApiError('InvalidKeyPairId.Malformed', `The key pair ID \`${malformed}\` is malformed.`);
  const matches = matcher(request.Filters ?? [], keyPairKeys, { values: 5, code: 'InvalidFilterValue.LimitExceeded' });
  const rows = [...world.keyPairs.in(account, region)].filter(
    (key) => (ids.length === 0 || ids.includes(key.id)) && matches(key),
  );
  const instances = [...world.instances.in(account, region)];
  const shown = page(rows, request, 'InvalidParameterValueLimit').map((key) => ({
    KeyId: key.id,
    KeyName: key.name,
    ProjectId: 0,
    Description: '',
    PublicKey: `ssh-rsa AAAAB3NzaC1yc2E ${key.id}`,
    AssociatedInstanceIds: instances
      .filter((instance) => instance.keyIds.includes(key.id))
      .map((instance) => instance.id),
    CreatedTime: isoTime(key.createdAt),
    Tags: tagList(key.tags),
  }));
  return { TotalCount: rows.length, KeyPairSet: shown };
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
  DescribeKeyPairs: describeKeyPairs,
};
