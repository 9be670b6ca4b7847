import { type Subnet } from '../state/records';
import { type Call } from '../wire/action';
import { freeAddresses } from '../vpc/addresses';
import { ApiError } from '../wire/errors';

/** The subnet of a launch: the one that is named, or the default one of the zone. */
export function chooseSubnet(
  call: Call,
  zone: string,
  wanted: { readonly VpcId: string; readonly SubnetId: string } | undefined,
  count: number,
): Subnet {
  const subnet = findSubnet(call, zone, wanted);
  if (freeAddresses(call.world, subnet) < count) {
    throw new ApiError(
      'FailedOperation.NoAvailableIpAddressCountInSubnet',
      `The subnet \`${subnet.id}\` has fewer than ${count} free addresses.`,
    );
  }
  return subnet;
}

function findSubnet(
  call: Call,
  zone: string,
  wanted: { readonly VpcId: string; readonly SubnetId: string } | undefined,
): Subnet {
  const { world, account, region } = call;
  if (wanted === undefined || (wanted.VpcId === 'DEFAULT' && wanted.SubnetId === 'DEFAULT')) {
    for (const subnet of world.subnets.in(account, region)) if (subnet.isDefault && subnet.zone === zone) return subnet;
    throw new ApiError('InvalidParameterValue.SubnetNotExist', `There is no default subnet in \`${zone}\`.`);
  }
  if (!/^vpc-[0-9a-z]{8}$/.test(wanted.VpcId)) {
    throw new ApiError('InvalidParameterValue.VpcIdMalformed', `The VPC ID \`${wanted.VpcId}\` is malformed.`);
  }
  if (!/^subnet-[0-9a-z]{8}$/.test(wanted.SubnetId)) {
    throw new ApiError('InvalidParameterValue.SubnetIdMalformed', `The subnet ID \`${wanted.SubnetId}\` is malformed.`);
  }
  const vpc = world.vpcs.get(wanted.VpcId);
  if (vpc?.account !== account || vpc.region !== region) {
    throw new ApiError('InvalidParameterValue.VpcIdNotExist', `The VPC \`${wanted.VpcId}\` does not exist.`);
  }
  const subnet = world.subnets.get(wanted.SubnetId);
  if (subnet?.account !== account || subnet.region !== region) {
    throw new ApiError('InvalidParameterValue.SubnetNotExist', `The subnet \`${wanted.SubnetId}\` does not exist.`);
  }
  if (subnet.vpcId !== vpc.id) {
    throw new ApiError(
      'InvalidParameterValue.VpcIdSubnetIdNotMatch',
      `The subnet \`${subnet.id}\` is not in \`${vpc.id}\`.`,
    );
  }
  if (subnet.zone !== zone) {
    throw new ApiError(
      'InvalidParameterValue.SubnetIdZoneIdNotMatch',
      `The subnet \`${subnet.id}\` is not in the zone \`${zone}\`.`,
    );
  }
  return subnet;
}

/** The security groups that are named, checked, or the default one. */
export function chooseSecurityGroups(call: Call, ids: readonly string[]): readonly string[] {
  const { world, account, region } = call;
  for (const id of ids) {
    const group = world.securityGroups.get(id);
    if (group?.account !== account || group.region !== region) {
      throw new ApiError('InvalidSecurityGroupId.NotFound', `The security group \`${id}\` does not exist.`);
    }
  }
  if (ids.length > 0) return ids;
  return [...world.securityGroups.in(account, region)].filter((group) => group.isDefault).map((group) => group.id);
}
