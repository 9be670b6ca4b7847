import { type Cloud, type Row, until } from './support';

/** Instance, image and snapshot of the seed that the tour may use up. */
const running = 'ins-web00001';
const zone = 'ap-guangzhou-3';
const filters = [{ Name: 'zone', Values: [zone] }];
const paging = { Offset: 0, Limit: 5 };

/**
 * Calls every action that the simulator serves at least once with success, with every object that it takes: an action shows
 * what it looks at even when a parameter is not there, but not what it looks at inside of an object that is missing.
 */
export async function tour(cloud: Cloud): Promise<void> {
  await looks(cloud);
  await power(cloud);
  const made = await imagesAndSnapshots(cloud);
  await disks(cloud, made.snapshotId);
  await snapshotGroups(cloud, made.snapshotId);
  await keyPairs(cloud);
  await networks(cloud);
  await launches(cloud, made.snapshotId);
  await tags(cloud);
  await keys(cloud);
}

/** Everything that only reads. */
async function looks(cloud: Cloud): Promise<void> {
  await cloud.ask('DescribeRegions');
  await cloud.ask('DescribeZones');
  await cloud.ask('DescribeInstances', { Filters: filters, ...paging });
  await cloud.ask('DescribeInstancesStatus', { InstanceIds: [running], ...paging });
  await cloud.ask('DescribeInstanceTypeConfigs', { Filters: filters });
  await cloud.ask('DescribeImages', { Filters: [{ Name: 'image-type', Values: ['PUBLIC_IMAGE'] }], ...paging });
  await cloud.ask('DescribeImageQuota');
  await cloud.ask('DescribeAccountQuota', { Filters: [{ Name: 'zone', Values: [zone] }] });
  await cloud.ask('DescribeKeyPairs', { Filters: [{ Name: 'project-id', Values: ['0'] }], ...paging });
  await cloud.ask('DescribeImageFromFamily', { ImageFamily: 'none' });
  await cloud.ask('DescribeZoneInstanceConfigInfos', { Filters: filters });
  await cloud.ask('DescribeSnapshotOverview');
  await cloud.ask('DescribeSnapshotGroups', { Filters: [{ Name: 'snapshot-group-state', Values: ['NORMAL'] }] });
  await cloud.ask('DescribeDisks', { Filters: filters, ...paging });
  await cloud.ask('DescribeSnapshots', { Filters: filters, ...paging });
  await cloud.ask('DescribeVpcs', { Filters: [{ Name: 'is-default', Values: ['true'] }] });
  await cloud.ask('DescribeSubnets', { Filters: [{ Name: 'zone', Values: [zone] }] });
  await cloud.ask('DescribeSecurityGroups', { Filters: [{ Name: 'security-group-name', Values: ['default'] }] });
}

async function power(cloud: Cloud): Promise<void> {
  const InstanceIds = [running];
  const attributes = [
    { InstanceName: 'renamed' },
    { UserData: '' },
    { SecurityGroups: ['sg-gz000002'] },
    { CamRoleName: 'ImageBuilder' },
    { HostName: 'renamed', AutoReboot: true },
    { DisableApiTermination: false },
  ];
  for (const attribute of attributes) {
    await cloud.ask('ModifyInstancesAttribute', { InstanceIds, ...attribute });
    await cloud.settled(running, 'RUNNING');
  }
  await cloud.ask('RebootInstances', { InstanceIds });
  await cloud.settled(running, 'RUNNING');
  await cloud.stopped(running);
  await cloud.ask('StartInstances', { InstanceIds });
  await cloud.settled(running, 'RUNNING');
}

async function imagesAndSnapshots(cloud: Cloud): Promise<{ snapshotId: string }> {
  const { SnapshotId } = await cloud.ask('CreateSnapshot', {
    DiskId: 'disk-webdata1',
    Tags: [{ Key: 'a', Value: 'b' }],
  });
  const snapshotId = String(SnapshotId);
  await cloud.snapshotDone(snapshotId);
  await cloud.ask('ModifySnapshotAttribute', { SnapshotId, SnapshotName: 'renamed' });
  await cloud.stopped(running);
  const { ImageId } = await cloud.ask('CreateImage', {
    ImageName: 'tour',
    InstanceId: running,
    TagSpecification: [{ ResourceType: 'image', Tags: [{ Key: 'a', Value: 'b' }] }],
  });
  await cloud.imageDone(String(ImageId));
  await cloud.ask('ModifyImageAttribute', { ImageId, ImageDescription: 'changed' });
  const share = { ImageId, AccountIds: ['100000000002'] };
  await cloud.ask('ModifyImageSharePermission', { ...share, Permission: 'SHARE' });
  await cloud.ask('DescribeImageSharePermission', { ImageId });
  await cloud.ask('ModifyImageSharePermission', { ...share, Permission: 'CANCEL' });
  await cloud.ask('SyncImages', { ImageIds: [ImageId], DestinationRegions: ['ap-singapore'] });
  await cloud.ask('CopySnapshotCrossRegions', { SnapshotId, DestinationRegions: ['ap-tokyo'] });
  await cloud.imageDone(String(ImageId));
  await cloud.ask('DeleteImages', { ImageIds: [ImageId] });
  const { SnapshotId: another } = await cloud.ask('CreateSnapshot', { DiskId: 'disk-webdata2' });
  await cloud.snapshotDone(String(another));
  await cloud.ask('DeleteSnapshots', { SnapshotIds: [another] });
  return { snapshotId };
}

async function disks(cloud: Cloud, SnapshotId: string): Promise<void> {
  const { DiskIdSet } = await cloud.ask('CreateDisks', {
    Placement: { Zone: zone },
    DiskType: 'CLOUD_PREMIUM',
    DiskChargeType: 'POSTPAID_BY_HOUR',
    DiskSize: 100,
    SnapshotId,
    Tags: [{ Key: 'a', Value: 'b' }],
  });
  const DiskIds = DiskIdSet as string[];
  const reaches = (state: string): Promise<Row> => cloud.disk(DiskIds[0]!, state);
  await reaches('UNATTACHED');
  await cloud.ask('ModifyDiskAttributes', { DiskIds, DiskName: 'renamed' });
  await cloud.ask('AttachDisks', { DiskIds, InstanceId: running });
  await reaches('ATTACHED');
  await cloud.ask('DetachDisks', { DiskIds });
  await reaches('UNATTACHED');
  await cloud.ask('ApplySnapshot', { SnapshotId, DiskId: 'disk-webdata1' });
  await cloud.disk('disk-webdata1', 'ATTACHED');
  await cloud.ask('ResizeDisk', { DiskId: DiskIds[0], DiskSize: 200 });
  await reaches('UNATTACHED');
  await cloud.ask('TerminateDisks', { DiskIds });
}

async function snapshotGroups(cloud: Cloud, SnapshotId: string): Promise<void> {
  const Tags = [{ Key: 'a', Value: 'b' }];
  const { SnapshotGroupId } = await cloud.ask('CreateSnapshotGroup', { DiskIds: ['disk-webdata1'], Tags });
  await until('the group is NORMAL', async () => {
    const [row] = await cloud.rows('DescribeSnapshotGroups', 'SnapshotGroupSet');
    return row?.SnapshotGroupState === 'NORMAL' ? row : undefined;
  });
  await cloud.ask('DeleteSnapshotGroup', { SnapshotGroupId });
  const share = { SnapshotIds: [SnapshotId], AccountIds: ['100000000002'] };
  await cloud.ask('ModifySnapshotsSharePermission', { ...share, Permission: 'SHARE' });
  await cloud.ask('DescribeSnapshotSharePermission', { SnapshotId });
  await cloud.ask('ModifySnapshotsSharePermission', { ...share, Permission: 'CANCEL' });
}

async function keyPairs(cloud: Cloud): Promise<void> {
  const TagSpecification = [{ ResourceType: 'keypair', Tags: [{ Key: 'a', Value: 'b' }] }];
  const { KeyPair } = await cloud.ask('CreateKeyPair', { KeyName: 'tour', ProjectId: 0, TagSpecification });
  const { KeyId, PublicKey } = KeyPair as Row;
  const imported = { KeyName: 'tour', ProjectId: 0, PublicKey, TagSpecification };
  await cloud.in('ap-tokyo').ask('ImportKeyPair', imported);
  await cloud.ask('ModifyKeyPairAttribute', { KeyId, KeyName: 'renamed' });
  const binding = { InstanceIds: [running], KeyIds: [KeyId] };
  await cloud.ask('AssociateInstancesKeyPairs', binding);
  await cloud.settled(running, 'STOPPED');
  await cloud.ask('DisassociateInstancesKeyPairs', binding);
  await cloud.settled(running, 'STOPPED');
  await cloud.ask('DeleteKeyPairs', { KeyIds: [KeyId] });
}

async function networks(cloud: Cloud): Promise<void> {
  const Tags = [{ Key: 'a', Value: 'b' }];
  const { Vpc } = await cloud.ask('CreateVpc', { VpcName: 'tour', CidrBlock: '10.77.0.0/16', Tags });
  const { VpcId } = Vpc as Row;
  const subnet = { VpcId, SubnetName: 'tour', CidrBlock: '10.77.1.0/24', Zone: zone, Tags };
  const { Subnet } = await cloud.ask('CreateSubnet', subnet);
  await cloud.ask('DeleteSubnet', { SubnetId: (Subnet as Row).SubnetId });
  await cloud.ask('DeleteVpc', { VpcId });
  const group = { GroupName: 'tour', GroupDescription: 'tour', Tags };
  const { SecurityGroup } = await cloud.ask('CreateSecurityGroup', group);
  const { SecurityGroupId } = SecurityGroup as Row;
  const policies = [{ Protocol: 'TCP', Port: '22', CidrBlock: '10.0.0.0/8', Action: 'ACCEPT' }];
  for (const direction of ['Ingress', 'Egress']) {
    await cloud.ask('CreateSecurityGroupPolicies', {
      SecurityGroupId,
      SecurityGroupPolicySet: { [direction]: policies },
    });
  }
  await cloud.ask('DescribeSecurityGroupPolicies', {
    SecurityGroupId,
    Filters: [{ Name: 'direction', Values: ['INGRESS'] }],
  });
  await cloud.ask('DeleteSecurityGroup', { SecurityGroupId });
}

async function launches(cloud: Cloud, SnapshotId: string): Promise<void> {
  const launch = {
    ImageId: 'img-ubuntu24',
    Placement: { Zone: zone },
    SystemDisk: { DiskType: 'CLOUD_PREMIUM' },
    DataDisks: [{ DiskSize: 100, SnapshotId }],
    VirtualPrivateCloud: { VpcId: 'vpc-gz000001', SubnetId: 'subnet-gz000003' },
    InternetAccessible: { InternetMaxBandwidthOut: 5 },
    LoginSettings: { KeyIds: ['skey-gz000001'] },
    TagSpecification: [{ ResourceType: 'instance', Tags: [{ Key: 'a', Value: 'b' }] }],
  };
  await cloud.ask('RunInstances', {
    ...launch,
    InstanceChargeType: 'PREPAID',
    InstanceChargePrepaid: { Period: 1 },
    DryRun: true,
  });
  await cloud.ask('InquiryPriceRunInstances', { ...launch, InstanceChargePrepaid: { Period: 1 } });
  const { InstanceIdSet } = await cloud.ask('RunInstances', launch);
  const [id = ''] = InstanceIdSet as string[];
  await cloud.settled(id, 'RUNNING');
  await cloud.ask('TerminateInstances', { InstanceIds: [id] });
}

async function tags(cloud: Cloud): Promise<void> {
  const Resource = `qcs::cvm:ap-guangzhou:uin/100000000001:instance/${running}`;
  const Tags = [{ TagKey: 'tour', TagValue: '1' }];
  await cloud.ask('TagResources', { ResourceList: [Resource], Tags });
  await cloud.ask('GetResources', { TagFilters: [{ TagKey: 'tour', TagValue: ['1'] }] });
  await cloud.ask('ModifyResourceTags', { Resource, ReplaceTags: Tags, DeleteTags: [{ TagKey: 'team' }] });
  await cloud.ask('DescribeResourceTagsByResourceIds', {
    ServiceType: 'cvm',
    ResourcePrefix: 'instance',
    ResourceIds: [running],
    ResourceRegion: 'ap-guangzhou',
  });
  await cloud.ask('UnTagResources', { ResourceList: [Resource], TagKeys: ['tour'] });
}

async function keys(cloud: Cloud): Promise<void> {
  await cloud.ask('GetCallerIdentity');
  const RoleArn = 'qcs::cam::uin/100000000001:roleName/ImageBuilder';
  await cloud.ask('AssumeRole', { RoleArn, RoleSessionName: 'tour' });
  const Policy = encodeURIComponent(JSON.stringify({ version: '2.0', statement: [{ effect: 'allow' }] }));
  await cloud.ask('GetFederationToken', { Name: 'tour', Policy });
}
