import { type SecurityGroup, type SecurityPolicy } from '../state/records';
import { type Action, type Call } from '../wire/action';
import { ApiError } from '../wire/errors';
import { type Filter } from '../wire/filters';
import { characters, chinaTime, tagsFrom } from '../wire/formats';
import { parseCidr } from './addresses';
import { wireSecurityGroup } from './wire-network';

const quotas = { groups: 50, policiesInDirection: 100 };
const protocols = ['TCP', 'UDP', 'ICMP', 'ICMPV6', 'GRE', 'ALL'];

function requireGroup(call: Call, id: string, malformed = 'InvalidParameterValue.Malformed'): SecurityGroup {
  if (!/^sg-[0-9a-z]{8}$/.test(id)) throw new ApiError(malformed, `The security group ID \`${id}\` is malformed.`);
  const group = call.world.securityGroups.get(id);
  if (group?.account !== call.account || group.region !== call.region)
    throw new ApiError('ResourceNotFound', `The security group \`${id}\` does not exist.`);
  return group;
}

interface CreateRequest {
  readonly GroupName: string;
  readonly GroupDescription: string;
  readonly ProjectId?: string;
  readonly Tags?: readonly { readonly Key: string; readonly Value: string }[];
}

/** A group without policies: nothing comes in, nothing goes out. */
const createSecurityGroup: Action = (call) => {
  const { world, account, region } = call;
  const request = call.params as CreateRequest;
  if (characters(request.GroupName) > 60 || characters(request.GroupDescription) > 100)
    throw new ApiError('InvalidParameterValue.TooLong', 'A name has up to 60, a description up to 100 characters.');
  if ((request.ProjectId ?? '0') !== '0')
    throw new ApiError('ResourceNotFound', `The project \`${request.ProjectId!}\` does not exist.`);
  if (world.securityGroups.countIn(account, region) >= quotas.groups)
    throw new ApiError('LimitExceeded', `The number of security groups has reached the quota \`${quotas.groups}\`.`);
  const group = world.securityGroups.put({
    id: world.newId('sg'),
    account,
    region,
    createdAt: world.now(),
    hiddenUntil: world.hiddenUntil(call.lag()),
    tags: tagsFrom(request.Tags),
    name: request.GroupName,
    description: request.GroupDescription,
    isDefault: false,
    ingress: [],
    egress: [],
    version: 0,
  });
  return { SecurityGroup: wireSecurityGroup(group) };
};

/** A group that no instance has and that no policy names. */
const deleteSecurityGroup: Action = (call) => {
  const { world, account, region } = call;
  const id = (call.params as { SecurityGroupId: string }).SecurityGroupId;
  const group = requireGroup(call, id, 'InvalidSecurityGroupID.Malformed');
  for (const instance of world.instances.in(account, region)) {
    if (instance.securityGroupIds.includes(group.id))
      throw new ApiError('ResourceInUse', `The specified resource \`${group.id}\` is already in use.`);
  }
  for (const other of world.securityGroups.in(account, region)) {
    if (other.id !== id && [...other.ingress, ...other.egress].some((policy) => policy.groupId === id))
      throw new ApiError('ResourceInUse', `The specified resource \`${group.id}\` is already in use.`);
  }
  world.securityGroups.delete(group.id);
  return {};
};

interface PolicyRequest {
  readonly Protocol?: string;
  readonly Port?: string;
  readonly CidrBlock?: string;
  readonly SecurityGroupId?: string;
  readonly Action?: string;
  readonly PolicyDescription?: string;
}

interface PolicySetRequest {
  readonly SecurityGroupId: string;
  readonly SecurityGroupPolicySet: {
    readonly Ingress?: readonly PolicyRequest[];
    readonly Egress?: readonly PolicyRequest[];
  };
}

/** Adds policies of one direction in front of those that there are. */
const createSecurityGroupPolicies: Action = (call) => {
  const request = call.params as PolicySetRequest;
  const group = requireGroup(call, request.SecurityGroupId);
  const { Ingress = [], Egress = [] } = request.SecurityGroupPolicySet;
  if (Ingress.length > 0 && Egress.length > 0)
    throw new ApiError('InvalidParameter.Coexist', '`Ingress` and `Egress` cannot be used together.');
  if (Ingress.length === 0 && Egress.length === 0)
    throw new ApiError('InvalidParameterValue.Empty', 'The policy set is empty.');
  const direction = Ingress.length > 0 ? 'ingress' : 'egress';
  const added = [...Ingress, ...Egress].map((policy) => policyFrom(call, policy));
  const all = [...added, ...group[direction]];
  if (all.length > quotas.policiesInDirection) {
    throw new ApiError(
      'LimitExceeded.SecurityGroupPolicySet',
      `A security group has at most ${quotas.policiesInDirection} policies in one direction.`,
    );
  }
  const identity = ({ protocol, port, cidr, groupId, action }: SecurityPolicy): string =>
    [protocol, port, cidr, groupId, action].join('|');
  if (new Set(all.map(identity)).size !== all.length)
    throw new ApiError('UnsupportedOperation.DuplicatePolicy', 'The security group has the policy already.');
  call.world.securityGroups.update(group.id, { [direction]: all, version: group.version + 1 });
  return {};
};

function policyFrom(call: Call, given: PolicyRequest): SecurityPolicy {
  const protocol = (given.Protocol ?? 'ALL').toUpperCase();
  const port = (given.Port ?? 'all').toLowerCase();
  const action = (given.Action ?? '').toUpperCase();
  const groupId = given.SecurityGroupId ?? '';
  const cidr = given.CidrBlock ?? '';
  const refuse = (what: string): never => {
    throw new ApiError('InvalidParameterValue', `The policy is not valid: ${what}.`);
  };
  if (!protocols.includes(protocol)) refuse(`\`Protocol\` must be one of ${protocols.join(', ')}`);
  if (!isPorts(port)) refuse('`Port` must be `all`, a port, a range or a list of ports');
  if (port !== 'all' && protocol !== 'TCP' && protocol !== 'UDP') refuse('only TCP and UDP have ports');
  if (action !== 'ACCEPT' && action !== 'DROP') refuse('`Action` must be ACCEPT or DROP');
  if ((cidr === '') === (groupId === '')) refuse('exactly one of `CidrBlock` and `SecurityGroupId` is needed');
  if (cidr !== '' && parseCidr(cidr.includes('/') ? cidr : `${cidr}/32`) === undefined)
    throw new ApiError('InvalidParameterValue.Malformed', `The CIDR \`${cidr}\` is malformed.`);
  if (groupId !== '') requireGroup(call, groupId);
  const description = given.PolicyDescription ?? '';
  if (characters(description) > 100)
    throw new ApiError('InvalidParameterValue.TooLong', 'A policy description has up to 100 characters.');
  return { protocol, port, cidr, groupId, action, description, at: call.world.now() };
}

function isPorts(text: string): boolean {
  if (text === 'all') return true;
  const isPort = (part: string): boolean => /^\d{1,5}$/.test(part) && Number(part) <= 65_535;
  return text.split(',').every((part) => {
    const ends = part.split('-');
    return ends.length <= 2 && ends.every(isPort) && Number(ends[0]) <= Number(ends.at(-1));
  });
}

const policyKeys: Readonly<Record<string, (policy: SecurityPolicy, value: string) => boolean>> = {
  'security-group-id': (policy, value) => policy.groupId === value,
  ip: (policy, value) => policy.cidr === value,
  direction: () => true,
};

const describeSecurityGroupPolicies: Action = (call) => {
  const request = call.params as { SecurityGroupId: string; Filters?: readonly Filter[] };
  const group = requireGroup(call, request.SecurityGroupId);
  const filters = request.Filters ?? [];
  for (const { Name } of filters) {
    if (!Object.hasOwn(policyKeys, Name))
      throw new ApiError('InvalidParameter.FilterInvalidKey', `The specified filter \`${Name}\` is not supported.`);
  }
  const matches = (policy: SecurityPolicy): boolean =>
    filters.every(({ Name, Values }) => Values.some((value) => policyKeys[Name]!(policy, value)));
  const directions = filters.find((filter) => filter.Name === 'direction')?.Values;
  const wire = (direction: 'INGRESS' | 'EGRESS', policies: readonly SecurityPolicy[]): object[] =>
    directions?.some((value) => value.toUpperCase() === direction) === false
      ? []
      : policies.map(wirePolicy).filter((_, index) => matches(policies[index]!));
  return {
    SecurityGroupPolicySet: {
      Version: String(group.version),
      Ingress: wire('INGRESS', group.ingress),
      Egress: wire('EGRESS', group.egress),
      PolicyStatistics: {
        IngressIPv4TotalCount: group.ingress.length,
        IngressIPv6TotalCount: 0,
        EgressIPv4TotalCount: group.egress.length,
        EgressIPv6TotalCount: 0,
      },
    },
  };
};

function wirePolicy(policy: SecurityPolicy, index: number): object {
  return {
    PolicyIndex: index,
    Protocol: policy.protocol,
    Port: policy.port,
    CidrBlock: policy.cidr,
    Ipv6CidrBlock: '',
    SecurityGroupId: policy.groupId,
    Action: policy.action,
    PolicyDescription: policy.description,
    ModifyTime: chinaTime(policy.at),
  };
}

/** What the simulator serves of security groups, as to changing them and their policies. */
export const securityGroupActions: Readonly<Record<string, Action>> = {
  CreateSecurityGroup: createSecurityGroup,
  DeleteSecurityGroup: deleteSecurityGroup,
  CreateSecurityGroupPolicies: createSecurityGroupPolicies,
  DescribeSecurityGroupPolicies: describeSecurityGroupPolicies,
};
