import { isIPv4 } from 'node:net';
import { type Disk, type Instance } from '../state/records';
import { type World } from '../state/world';
import { type Action, type Call } from '../wire/action';
import { ApiError } from '../wire/errors';
import { type Filter, type FilterKeys, matcher, page, tagKeys } from '../wire/filters';
import { isoTime, tagList } from '../wire/formats';
import { instanceTypes } from './instance-types';

interface DescribeRequest {
  readonly InstanceIds?: readonly string[];
  readonly Filters?: readonly Filter[];
  readonly Offset?: number;
  readonly Limit?: number;
}

/** `YYYY-MM-DD hh:mm:ss`, UTC. */
const timeOf = (text: string): number => Date.parse(`${text.replace(' ', 'T')}Z`);

const filterKeys: FilterKeys<Instance> = {
  ...tagKeys,
  zone: (instance, value) => instance.zone === value,
  'project-id': (_, value) => value === '0',
  'host-id': () => false,
  'dedicated-cluster-id': () => false,
  'vpc-id': (instance, value) => instance.vpcId === value,
  'subnet-id': (instance, value) => instance.subnetId === value,
  'instance-id': (instance, value) => instance.id === value,
  uuid: (instance, value) => instance.uuid === value,
  'security-group-id': (instance, value) => instance.securityGroupIds.includes(value),
  'instance-name': (instance, value) => instance.name === value,
  'instance-charge-type': (instance, value) => instance.chargeType === value,
  'instance-state': (instance, value) => instance.state === value,
  'private-ip-address': (instance, value) => (instance.loopback ?? instance.privateIp) === value,
  'public-ip-address': (instance, value) =>
    instance.publicIp !== null && (instance.loopback ?? instance.publicIp) === value,
  'ipv6-address': () => false,
  'creation-start-time': (instance, value) => instance.createdAt >= timeOf(value),
  'creation-end-time': (instance, value) => instance.createdAt <= timeOf(value),
};

/** What a filter's values must look like, where the API has a code of its own for those that do not. */
const valueForms: Readonly<Record<string, readonly [isRight: (value: string) => boolean, code: string]>> = {
  'creation-start-time': [isTime, 'InvalidParameterValue.InvalidTimeFormat'],
  'creation-end-time': [isTime, 'InvalidParameterValue.InvalidTimeFormat'],
  'private-ip-address': [(value) => isIPv4(value), 'InvalidParameterValue.IPAddressMalformed'],
  'public-ip-address': [(value) => isIPv4(value), 'InvalidParameterValue.IPAddressMalformed'],
  'instance-id': [(value) => /^ins-[0-9a-z]{8}$/.test(value), 'InvalidParameterValue.InstanceIdMalformed'],
  'vpc-id': [(value) => /^vpc-[0-9a-z]{8}$/.test(value), 'InvalidParameterValue.VpcIdMalformed'],
  'subnet-id': [(value) => /^subnet-[0-9a-z]{8}$/.test(value), 'InvalidParameterValue.SubnetIdMalformed'],
  'security-group-id': [(value) => /^sg-[0-9a-z]{8}$/.test(value), 'InvalidSgId.Malformed'],
};

function isTime(text: string): boolean {
  return /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/.test(text) && !Number.isNaN(timeOf(text));
}

function checkValues({ Name, Values }: Filter): void {
  if (!Object.hasOwn(valueForms, Name)) return;
  const [isRight, code] = valueForms[Name]!;
  const wrong = Values.find((value) => !isRight(value));
  if (wrong !== undefined) throw new ApiError(code, `The value \`${wrong}\` of the filter \`${Name}\` is malformed.`);
}

function select(call: Call, matches: (instance: Instance) => boolean): { total: number; rows: readonly Instance[] } {
  const { world } = call;
  const request = call.params as DescribeRequest;
  const ids = request.InstanceIds ?? [];
  if (ids.length > 100)
    throw new ApiError('InvalidParameterValue.LimitExceeded', 'The number of `InstanceIds` exceeds the limit `100`.');
  const malformed = ids.find((id) => !/^ins-[0-9a-z]{8}$/.test(id));
  if (malformed !== undefined)
    throw new ApiError('InvalidInstanceId.Malformed', `The instance ID \`${malformed}\` is malformed.`);
  const rows = world.instances.shown(call.account, call.region, ids, world.now()).filter(matches);
  return { total: rows.length, rows: page(rows, request, 'InvalidParameterValue.LimitExceeded') };
}

/** The instances that match, newest first. */
export const describeInstances: Action = (call) => {
  const { InstanceIds: ids = [], Filters: filters = [] } = call.params as DescribeRequest;
  if (ids.length > 0 && filters.length > 0) {
    throw new ApiError('InvalidParameter', '`InstanceIds` and `Filters` cannot be used together.');
  }
  filters.forEach(checkValues);
  const matches = matcher(filters, filterKeys, { values: 5, code: 'InvalidFilterValue.LimitExceeded' });
  const { total, rows } = select(call, matches);
  return { TotalCount: total, InstanceSet: rows.map((instance) => wireInstance(call.world, instance)) };
};

/** States only, and no filters. */
export const describeInstancesStatus: Action = (call) => {
  const { total, rows } = select(call, () => true);
  return {
    TotalCount: total,
    InstanceStatusSet: rows.map((instance) => ({ InstanceId: instance.id, InstanceState: instance.state })),
  };
};

function wireInstance(world: World, instance: Instance): object {
  const type = instanceTypes.get(instance.type);
  const systemDisk = world.disks.get(instance.systemDiskId);
  const dataDisks = instance.dataDiskIds.flatMap((id) => world.disks.get(id) ?? []);
  const { operation } = instance;
  return {
    Placement: { Zone: instance.zone, ProjectId: 0, HostId: null },
    InstanceId: instance.id,
    InstanceType: instance.type,
    CPU: type?.cpu ?? 2,
    Memory: type?.memory ?? 4,
    RestrictState: 'NORMAL',
    InstanceName: instance.name,
    InstanceChargeType: instance.chargeType,
    SystemDisk: systemDisk === undefined ? null : wireSystemDisk(systemDisk),
    DataDisks: dataDisks.map(wireDataDisk),
    PrivateIpAddresses: [instance.loopback ?? instance.privateIp],
    PublicIpAddresses: instance.publicIp === null ? null : [instance.loopback ?? instance.publicIp],
    InternetAccessible: {
      InternetChargeType: instance.internetChargeType,
      InternetMaxBandwidthOut: instance.bandwidth,
      PublicIpAssigned: instance.bandwidth > 0,
    },
    VirtualPrivateCloud: { VpcId: instance.vpcId, SubnetId: instance.subnetId, AsVpcGateway: false },
    ImageId: instance.imageId,
    RenewFlag: instance.chargeType === 'PREPAID' ? 'NOTIFY_AND_MANUAL_RENEW' : null,
    CreatedTime: isoTime(instance.createdAt),
    ExpiredTime: instance.chargeType === 'PREPAID' ? isoTime(instance.createdAt + 365 * 86_400_000) : null,
    OsName: instance.system.osName,
    SecurityGroupIds: instance.securityGroupIds,
    LoginSettings: { KeyIds: instance.keyIds.length === 0 ? null : instance.keyIds },
    InstanceState: instance.state,
    Tags: tagList(instance.tags),
    StopChargingMode: instance.stoppedMode,
    Uuid: instance.uuid,
    LatestOperation: operation?.name ?? null,
    LatestOperationState: operation?.state ?? null,
    LatestOperationRequestId: operation?.requestId ?? null,
    LatestOperationErrorMsg: operation?.message ?? null,
    IPv6Addresses: null,
    CamRoleName: instance.camRoleName,
    RdmaIpAddresses: null,
    IsolatedSource: 'NOTISOLATED',
    LicenseType: 'TencentCloud',
    DisableApiTermination: instance.protected,
    HostName: instance.hostName,
    DefaultLoginUser: instance.system.user,
    DefaultLoginPort: instance.system.windows ? 3389 : 22,
  };
}

function wireSystemDisk(disk: Disk): object {
  return {
    DiskType: disk.type,
    DiskId: disk.id,
    DiskSize: disk.size,
    CdcId: null,
    DiskName: disk.name,
    Encrypt: disk.encrypted,
  };
}

function wireDataDisk(disk: Disk): object {
  return {
    DiskSize: disk.size,
    DiskType: disk.type,
    DiskId: disk.id,
    DeleteWithInstance: disk.deleteWithInstance,
    Encrypt: disk.encrypted,
    KmsKeyId: null,
    ThroughputPerformance: null,
    CdcId: null,
    DiskName: disk.name,
  };
}
