import { type Treatments } from '../wire/treatment';

const inBothDirections = (name: string): string[] =>
  ['Ingress', 'Egress'].map((direction) => `SecurityGroupPolicySet.${direction}.${name}`);

/** Parameters of the actions here that are not honoured. */
export const vpcTreatments: Treatments = {
  // There is only the default project.
  CreateSecurityGroup: { checked: ['ProjectId'] },
  CreateSecurityGroupPolicies: {
    ignored: [
      'SecurityGroupPolicySet.PolicyStatistics',
      ...inBothDirections('ModifyTime'),
      ...inBothDirections('PolicyIndex'),
      ...inBothDirections('Priority'),
    ],
    refused: [
      'SecurityGroupPolicySet.Version',
      ...inBothDirections('AddressTemplate'),
      ...inBothDirections('Ipv6CidrBlock'),
      ...inBothDirections('ServiceTemplate'),
    ],
  },
  CreateSubnet: { ignored: ['StackType'], refused: ['CdcId', 'Ipv6CidrBlock'] },
  CreateVpc: {
    ignored: [
      'AddressType',
      'DnsServers',
      'DomainName',
      'EnableMulticast',
      'EnableRouteVpcPublish',
      'EnableRouteVpcPublishIpv6',
      'StackType',
    ],
    refused: ['Ipv6CidrBlock'],
  },
  DescribeSecurityGroups: { ignored: ['OrderDirection', 'OrderField'] },
  // Pages by offset only: a client that asks for pages by token must not take the first for everything.
  DescribeSubnets: { refused: ['MaxResults', 'NextToken'] },
};
