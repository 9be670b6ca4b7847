import { type SecurityGroup, type Subnet, type Vpc } from '../state/records';
import { chinaTime, tagList } from '../wire/formats';
import { addressesOf } from './addresses';

/** A VPC as the API writes it. */
export function wireVpc(vpc: Vpc): object {
  return {
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
  };
}

/** A subnet as the API writes it, with so many addresses left. */
export function wireSubnet(subnet: Subnet, available: number): object {
  return {
    VpcId: subnet.vpcId,
    SubnetId: subnet.id,
    SubnetName: subnet.name,
    CidrBlock: subnet.cidr,
    IsDefault: subnet.isDefault,
    EnableBroadcast: false,
    Zone: subnet.zone,
    RouteTableId: '',
    CreatedTime: chinaTime(subnet.createdAt),
    AvailableIpAddressCount: available,
    TotalIpAddressCount: addressesOf(subnet),
    Ipv6CidrBlock: '',
    NetworkAclId: '',
    IsRemoteVpcSnat: false,
    TagSet: tagList(subnet.tags),
  };
}

/** A security group as the API writes it, without its policies. */
export function wireSecurityGroup(group: SecurityGroup): object {
  return {
    SecurityGroupId: group.id,
    SecurityGroupName: group.name,
    SecurityGroupDesc: group.description,
    ProjectId: '0',
    IsDefault: group.isDefault,
    CreatedTime: chinaTime(group.createdAt),
    TagSet: tagList(group.tags),
    UpdateTime: chinaTime(group.createdAt),
  };
}
