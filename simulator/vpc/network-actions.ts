import { type Subnet, type Vpc } from '../state/records';
import { type Action, type Call } from '../wire/action';
import { ApiError } from '../wire/errors';
import { characters, tagsFrom } from '../wire/formats';
import { addressesOf, type Block, contains, overlap, parseCidr } from './addresses';
import { regionOf } from './regions';
import { wireSubnet, wireVpc } from './wire-network';

type TagPairs = readonly { readonly Key: string; readonly Value: string }[];

const quotas = { vpcs: 20, subnetsInVpc: 100 };
const privateBlocks = ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16'].map((text) => parseCidr(text)!);

function requireName(name: string): void {
  if (characters(name) > 60) throw new ApiError('InvalidParameterValue.TooLong', 'The name exceeds 60 characters.');
}

function blockOf(text: string, most: number): Block {
  const block = parseCidr(text);
  if (block === undefined) throw new ApiError('InvalidParameterValue.Malformed', `The CIDR \`${text}\` is malformed.`);
  if (block.bits > most)
    throw new ApiError('InvalidParameterValue', `The CIDR \`${text}\` is too small: at most /${most}.`);
  return block;
}

/** The account's VPC; throws when there is none. */
function requireVpc(call: Call, id: string): Vpc {
  if (!/^vpc-[0-9a-z]{8}$/.test(id))
    throw new ApiError('InvalidParameterValue.Malformed', `The VPC ID \`${id}\` is malformed.`);
  const vpc = call.world.vpcs.get(id);
  if (vpc?.account !== call.account || vpc.region !== call.region)
    throw new ApiError('ResourceNotFound', `The VPC \`${id}\` does not exist.`);
  return vpc;
}

function subnetsOf(call: Call, vpc: Vpc): Subnet[] {
  return [...call.world.subnets.in(call.account, call.region)].filter((subnet) => subnet.vpcId === vpc.id);
}

const createVpc: Action = (call) => {
  const { world, account, region } = call;
  const request = call.params as { VpcName: string; CidrBlock?: string; Tags?: TagPairs };
  requireName(request.VpcName);
  if ((request.CidrBlock ?? '') === '')
    throw new ApiError('MissingParameter', 'The request is missing a required parameter `CidrBlock`.');
  const block = blockOf(request.CidrBlock!, 28);
  if (block.bits < 12 || !privateBlocks.some((outer) => contains(outer, block)))
    throw new ApiError('InvalidParameterValue', 'The CIDR must be private and from /12 to /28.');
  if (world.vpcs.countIn(account, region) >= quotas.vpcs)
    throw new ApiError('LimitExceeded', `The number of VPCs has reached the quota \`${quotas.vpcs}\`.`);
  const vpc = world.vpcs.put({
    id: world.newId('vpc'),
    account,
    region,
    createdAt: world.now(),
    hiddenUntil: world.hiddenUntil(call.lag()),
    tags: tagsFrom(request.Tags),
    name: request.VpcName,
    cidr: request.CidrBlock!,
    isDefault: false,
  });
  return { Vpc: wireVpc(vpc) };
};

/** An empty VPC only. */
const deleteVpc: Action = (call) => {
  const vpc = requireVpc(call, (call.params as { VpcId: string }).VpcId);
  const [subnet] = subnetsOf(call, vpc);
  if (subnet !== undefined)
    throw new ApiError('ResourceInUse', `The VPC \`${vpc.id}\` still has the subnet \`${subnet.id}\`.`);
  call.world.vpcs.delete(vpc.id);
  return {};
};

interface SubnetRequest {
  readonly VpcId: string;
  readonly SubnetName: string;
  readonly CidrBlock?: string;
  readonly Zone: string;
  readonly Tags?: TagPairs;
}

/** Within its VPC, clear of the VPC's other subnets. */
const createSubnet: Action = (call) => {
  const { world, account, region } = call;
  const request = call.params as SubnetRequest;
  const vpc = requireVpc(call, request.VpcId);
  requireName(request.SubnetName);
  if (!regionOf(region).zones.includes(request.Zone))
    throw new ApiError('InvalidParameterValue', `The zone \`${request.Zone}\` is not in \`${region}\`.`);
  if ((request.CidrBlock ?? '') === '')
    throw new ApiError('MissingParameter', 'The request is missing a required parameter `CidrBlock`.');
  const block = blockOf(request.CidrBlock!, 29);
  if (!contains(parseCidr(vpc.cidr)!, block)) {
    throw new ApiError(
      'InvalidParameterValue.SubnetRange',
      `\`${request.CidrBlock!}\` is not within \`${vpc.cidr}\` of the VPC.`,
    );
  }
  const others = subnetsOf(call, vpc);
  const other = others.find((subnet) => overlap(parseCidr(subnet.cidr)!, block));
  if (other !== undefined) {
    throw new ApiError(
      'InvalidParameterValue.SubnetConflict',
      `\`${request.CidrBlock!}\` overlaps with the subnet \`${other.id}\`.`,
    );
  }
  if (others.length >= quotas.subnetsInVpc)
    throw new ApiError('LimitExceeded', `The number of subnets has reached the quota \`${quotas.subnetsInVpc}\`.`);
  const subnet = world.subnets.put({
    id: world.newId('subnet'),
    account,
    region,
    createdAt: world.now(),
    hiddenUntil: world.hiddenUntil(call.lag()),
    tags: tagsFrom(request.Tags),
    name: request.SubnetName,
    cidr: request.CidrBlock!,
    vpcId: vpc.id,
    zone: request.Zone,
    isDefault: false,
  });
  return { Subnet: wireSubnet(subnet, addressesOf(subnet)) };
};

/** A subnet that no instance is in. */
const deleteSubnet: Action = (call) => {
  const { world, account, region } = call;
  const { SubnetId: id } = call.params as { SubnetId: string };
  if (!/^subnet-[0-9a-z]{8}$/.test(id))
    throw new ApiError('InvalidParameterValue.Malformed', `The subnet ID \`${id}\` is malformed.`);
  const subnet = world.subnets.get(id);
  if (subnet?.account !== account || subnet.region !== region)
    throw new ApiError('ResourceNotFound', `The subnet \`${id}\` does not exist.`);
  for (const instance of world.instances.in(account, region)) {
    if (instance.subnetId === id)
      throw new ApiError('ResourceInUse', `The instance \`${instance.id}\` is in the subnet \`${id}\`.`);
  }
  world.subnets.delete(id);
  return {};
};

/** Making and deleting networks. */
export const networkActions: Readonly<Record<string, Action>> = {
  CreateVpc: createVpc,
  DeleteVpc: deleteVpc,
  CreateSubnet: createSubnet,
  DeleteSubnet: deleteSubnet,
};
