import { type SecurityGroup, type Subnet, type Tags, type Vpc } from '../state/records';
import { type Row, type Table } from '../state/table';
import { type Action, type Call } from '../wire/action';
import { ApiError } from '../wire/errors';
import { type Filter, type FilterKeys, matcher, page, tagKeys } from '../wire/filters';
import { freeAddresses } from './addresses';
import { networkActions } from './network-actions';
import { securityGroupActions } from './security-groups';
import { wireSecurityGroup, wireSubnet, wireVpc } from './wire-network';

interface DescribeRequest {
  readonly Filters?: readonly Filter[];
  readonly Offset?: string;
  readonly Limit?: string;
}

/** One page of rows by ID or filter. VPC writes its offsets as text. */
function select<T extends Row & { readonly tags: Tags }>(
  call: Call,
  table: Table<T>,
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
  const { world, account, region } = call;
  const found = table.shown(account, region, ids, world.now()).reverse().filter(matches);
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
  const { total, shown } = select(call, call.world.vpcs, VpcIds, vpcKeys);
  return {
    TotalCount: total,
    VpcSet: shown.map(wireVpc),
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
  const { total, shown } = select(call, call.world.subnets, SubnetIds, subnetKeys);
  return {
    TotalCount: total,
    NextToken: '',
    SubnetSet: shown.map((subnet) => wireSubnet(subnet, freeAddresses(call.world, subnet))),
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
  const { total, shown } = select(call, call.world.securityGroups, SecurityGroupIds, groupKeys);
  return {
    TotalCount: total,
    SecurityGroupSet: shown.map(wireSecurityGroup),
  };
};

/** What the simulator serves of VPC. */
export const vpcActions: Readonly<Record<string, Action>> = {
  DescribeVpcs: describeVpcs,
  DescribeSubnets: describeSubnets,
  DescribeSecurityGroups: describeSecurityGroups,
  ...networkActions,
  ...securityGroupActions,
};
