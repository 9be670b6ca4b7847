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
  CreateImage: { checked: ['Sysprep', 'TagSpecification.ResourceType'] },
  // There is only the default project.
  CreateKeyPair: { checked: ['ProjectId', 'TagSpecification.ResourceType'] },
  // Every image runs on every type.
  DescribeImages: { checked: ['InstanceType'] },
  ImportKeyPair: { checked: ['ProjectId', 'TagSpecification.ResourceType'] },
  InquiryPriceRunInstances: {
    checked: [
      'DataDisks.DeleteWithInstance',
      'DataDisks.DiskName',
      'DataDisks.DiskType',
      'DataDisks.Encrypt',
      'Placement.Zone',
      'SystemDisk.DiskName',
      'SystemDisk.DiskType',
      'SystemDisk.Encrypt',
    ],
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
  // A guest that is sent down comes up again, whether it was asked or forced.
  RebootInstances: { checked: ['ForceReboot', 'StopType'] },
  RunInstances: {
    checked: [
      'LoginSettings.KeepImageLogin',
      'LoginSettings.Password',
      'MinCount',
      'TagSpecification.ResourceType',
      'VirtualPrivateCloud.VpcId',
    ],
    ignored: [...launchIgnored, 'EnableJumboFrame', 'InstanceChargePrepaid.Period', 'PartitionNumber'],
    refused: [...launchRefused, 'ActionTimer', 'ChcIds', 'DedicatedClusterId', 'DisasterRecoverGroupIds'],
  },
  SyncImages: { refused: ['KmsKeyId'] },
  TerminateInstances: { ignored: ['ReleaseAddress', 'ReleasePrepaidDataDisks'] },
};
