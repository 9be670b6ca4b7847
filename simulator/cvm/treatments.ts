import { type Treatments } from '../wire/treatment';

/** What a launch may ask for that is not there: to leave it out would make something else than was asked for. */
const launchRefused = [
  'HpcClusterId',
  'LaunchTemplate',
  'NetworkInterfaces',
  'Placement.DedicatedResourcePackIds',
  'Placement.DedicatedResourcePackTenancy',
  'Placement.HostId',
  'Placement.HostIds',
  'Placement.RackId',
  'SystemDisk.CdcId',
  'DataDisks.CdcId',
  'VirtualPrivateCloud.Ipv6AddressCount',
  'VirtualPrivateCloud.PrivateIpAddresses',
];

const launchIgnored = [
  'CpuTopology',
  'DataDisks.BurstPerformance',
  'DataDisks.DiskId',
  'DataDisks.KmsKeyId',
  'DataDisks.ThroughputPerformance',
  'EnhancedService',
  'InstanceChargePrepaid.RenewFlag',
  'InstanceMarketOptions',
  'InternetAccessible.AntiDDoSPackageId',
  'InternetAccessible.BandwidthPackageId',
  'InternetAccessible.IPv4AddressType',
  'InternetAccessible.IPv6AddressType',
  'InternetAccessible.InternetServiceProvider',
  'Metadata',
  'Placement.ProjectId',
  'SystemDisk.DiskId',
  'SystemDisk.KmsKeyId',
  'VirtualPrivateCloud.AsVpcGateway',
];

/** Parameters of the actions here that are not honoured. */
export const cvmTreatments: Treatments = {
  InquiryPriceRunInstances: {
    // What a price does not depend on.
    ignored: [
      ...launchIgnored,
      'ClientToken',
      'HostName',
      'InstanceName',
      'InternetAccessible.PublicIpAssigned',
      'LoginSettings',
      'SecurityGroupIds',
      'TagSpecification',
      'VirtualPrivateCloud.SubnetId',
      'VirtualPrivateCloud.VpcId',
    ],
    refused: launchRefused,
  },
  ModifyInstancesAttribute: { ignored: ['CamRoleType'], refused: ['EnableJumboFrame'] },
  RunInstances: {
    ignored: [...launchIgnored, 'EnableJumboFrame', 'InstanceChargePrepaid.Period', 'PartitionNumber'],
    refused: [...launchRefused, 'ActionTimer', 'ChcIds', 'DedicatedClusterId', 'DisasterRecoverGroupIds'],
  },
  SyncImages: { refused: ['KmsKeyId'] },
  TerminateInstances: { ignored: ['ReleaseAddress', 'ReleasePrepaidDataDisks'] },
};
