import { type Cloud, type Row } from './support';

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
    { HostName: 'renamed' },
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
  await cloud.ask('TerminateDisks', { DiskIds });
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
