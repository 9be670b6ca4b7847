import { type SecurityGroup, type Subnet, type Tags, type Vpc } from '../state/records';
import { type Action, type Call } from '../wire/action';
import { ApiError } from '../wire/errors';
import { type Filter, type FilterKeys, matcher, page, tagKeys } from '../wire/filters';
import { chinaTime, tagList } from '../wire/formats';

interface DescribeRequest {
  readonly Filters?: readonly Filter[];
  readonly Offset?: string;
  readonly Limit?: string;
}

interface Named {
  readonly id: string;
  readonly name: string;
  readonly tags: Tags;
}

/** One page of rows by ID or filter. VPC writes its offsets as text. */
function select<T extends Named>(
  call: Call,
  rows: Iterable<T>,
  ids: readonly string[],
  keys: FilterKeys<T>,
): { total: number; shown: readonly T[] } {
  const request = call.params as DescribeRequest;
  const filters = request.Filters ?? [];
  if (ids.length > 0 && filters.length > 0)
    throw new ApiError('InvalidParameter.Coexist', 'IDs and `Filters` cannot be used together.');
  const malformed = ids.find((id) => !/^(?:vpc|subnet|sg)-[0-9a-z]{8}$/.test(id));
  if (malformed !== undefined)
    throw new ApiError('InvalidParameterValue.Malformed', `The ID \`${malformed}\` is malformed.`);
  const limits = {
    values: 100,
    code: 'InvalidParameterValue.LimitExceeded',
    unknown: 'InvalidParameter.FilterInvalidKey',
  };
  const matches = matcher(filters, keys, limits);
  const found = [...rows].filter((row) => (ids.length === 0 || ids.includes(row.id)) && matches(row));
  const range = { Offset: Number(request.Offset ?? 0), Limit: Number(request.Limit ?? 20) };
  if (!Number.isInteger(range.Offset) || !Number.isInteger(range.Limit)) {
    throw new ApiError('InvalidParameterValue.Range', '`Offset` and `Limit` must be integers, written as text.');
  }
  return { total: found.length, shown: page(found, range, 'InvalidParameterValue.Range') };
}

const vpcKeys: FilterKeys<Vpc> = {
  ...tagKeys,
  'vpc-id': (vpc, value) => vpc.id === value,
  'vpc-name': (vpc, value) => vpc.name === value,
  'is-default': (vpc, value) => String(vpc.isDefault) === value.toLowerCase(),
  'cidr-block': (vpc, value) => vpc.cidr === value,
};

const describeVpcs: Action = (call) => {
  const { VpcIds = [] } = call.params as { VpcIds?: readonly string[] };
  const { total, shown } = select(call, call.world.vpcs.in(call.account, call.region), VpcIds, vpcKeys);
  return {
    TotalCount: total,
    VpcSet: shown.map((vpc) => ({
      VpcName: vpc.name,
      VpcId: vpc.id,
      CidrBlock: vpc.cidr,
      IsDefault: vpc.isDefault,
      EnableMulticast: false,
      CreatedTime: chinaTime(vpc.createdAt),
      DnsServerSet: ['183.60.83.19', '183.60.82.98'],
      DomainName: '',
      DhcpOptionsId: '',
      EnableDhcp: true,
      Ipv6CidrBlock: '',
      TagSet: tagList(vpc.tags),
      AssistantCidrSet: [],
    })),
  };
};

const subnetKeys: FilterKeys<Subnet> = {
  ...tagKeys,
  'subnet-id': (subnet, value) => subnet.id === value,
  'subnet-name': (subnet, value) => subnet.name === value,
  'vpc-id': (subnet, value) => subnet.vpcId === value,
  'cidr-block': (subnet, value) => subnet.cidr === value,
  'is-default': (subnet, value) => String(subnet.isDefault) === value.toLowerCase(),
  zone: (subnet, value) => subnet.zone === value,
};

const describeSubnets: Action = (call) => {
  const { SubnetIds = [] } = call.params as { SubnetIds?: readonly string[] };
  const { total, shown } = select(call, call.world.subnets.in(call.account, call.region), SubnetIds, subnetKeys);
  return {
    TotalCount: total,
    SubnetSet: shown.map((subnet) => ({
      VpcId: subnet.vpcId,
      SubnetId: subnet.id,
      SubnetName: subnet.name,
      CidrBlock: subnet.cidr,
      IsDefault: subnet.isDefault,
      EnableBroadcast: false,
      Zone: subnet.zone,
      RouteTableId: '',
      CreatedTime: chinaTime(subnet.createdAt),
      AvailableIpAddressCount: 252,
      TotalIpAddressCount: 253,
      Ipv6CidrBlock: '',
      NetworkAclId: '',
      IsRemoteVpcSnat: false,
      TagSet: tagList(subnet.tags),
    })),
  };
};

const groupKeys: FilterKeys<SecurityGroup> = {
  ...tagKeys,
  'security-group-id': (group, value) => group.id === value,
  'security-group-name': (group, value) => group.name === value,
  'project-id': (_, value) => value === '0',
};

const describeSecurityGroups: Action = (call) => {
  const { SecurityGroupIds = [] } = call.params as { SecurityGroupIds?: readonly string[] };
  const rows = call.world.securityGroups.in(call.account, call.region);
  const { total, shown } = select(call, rows, SecurityGroupIds, groupKeys);
  return {
    TotalCount: total,
    SecurityGroupSet: shown.map((group) => ({
      SecurityGroupId: group.id,
      SecurityGroupName: group.name,
      SecurityGroupDesc: '',
      ProjectId: '0',
      IsDefault: group.isDefault,
      CreatedTime: chinaTime(group.createdAt),
      TagSet: tagList(group.tags),
      UpdateTime: chinaTime(group.createdAt),
    })),
  };
};

/** What the simulator serves of VPC. */
export const vpcActions: Readonly<Record<string, Action>> = {
  DescribeVpcs: describeVpcs,
  DescribeSubnets: describeSubnets,
  DescribeSecurityGroups: describeSecurityGroups,
};
