import assert from 'node:assert/strict';
import { test } from 'node:test';
import { coverage } from '../../simulator/coverage';
import { newRsaKey } from '../../simulator/cvm/public-keys';
import { type Candidates, Effects } from './effects';
import { Cloud, otherKey, type Row, simulatorFor } from './support';
import { tour } from './tour';

const zone = 'ap-guangzhou-3';
const running = 'ins-web00002';
const tomorrow = new Date(Date.now() + 2 * 86_400_000).toISOString();

/** For what no usual value is any good. */
const candidates: Candidates = {
  'AssumeRole.RoleArn': ['qcs::cam::uin/100000000002:roleName/ImageBuilder'],
  'CreateDisks.DiskChargeType': ['PREPAID'],
  'CreateDisks.DiskType': ['CLOUD_SSD'],
  'CreateDisks.Encrypt': ['ENCRYPT'],
  'CreateDisks.Placement.Zone': ['ap-guangzhou-4'],
  'CreateSnapshot.Deadline': [tomorrow],
  'CreateSnapshot.DiskUsage': ['DATA_DISK'],
  'CreateSubnet.CidrBlock': ['10.77.2.0/24'],
  'CreateSubnet.Zone': ['ap-guangzhou-4'],
  'CreateVpc.CidrBlock': ['10.78.0.0/16'],
  'DescribeAccountQuota.Filters.Name': ['quota-type'],
  'DescribeDisks.Filters.Name': ['disk-id'],
  'DescribeDisks.Order': ['ASC'],
  'DescribeImageFromFamily.ImageFamily': ['golden'],
  'DescribeImages.Filters.Name': ['image-name'],
  'DescribeInstances.Filters.Name': ['uuid'],
  'DescribeInstanceTypeConfigs.Filters.Name': ['instance-family'],
  'DescribeKeyPairs.Filters.Name': ['key-name'],
  'DescribeResourceTagsByResourceIds.ResourcePrefix': ['image'],
  'DescribeResourceTagsByResourceIds.ServiceType': ['cbs'],
  'DescribeSecurityGroupPolicies.Filters.Name': ['ip'],
  'DescribeSecurityGroups.Filters.Name': ['security-group-id'],
  'DescribeSnapshotGroups.Filters.Name': ['snapshot-id'],
  'DescribeSnapshots.Filters.Name': ['disk-id'],
  'DescribeSnapshots.Order': ['ASC'],
  'DescribeSubnets.Filters.Name': ['subnet-name'],
  'DescribeVpcs.Filters.Name': ['vpc-name'],
  'DescribeZoneInstanceConfigInfos.Filters.Name': ['instance-family'],
  'GetResources.PaginationToken': [Buffer.from('1').toString('base64url')],
  'GetResources.ResourceList': [[`qcs::cvm:ap-guangzhou:uin/100000000001:instance/${running}`]],
  'ImportKeyPair.PublicKey': [newRsaKey('another').publicKey],
  'InquiryPriceRunInstances.ImageId': ['img-win2022d'],
  'InquiryPriceRunInstances.InstanceChargeType': ['SPOTPAID'],
  'InquiryPriceRunInstances.InstanceType': ['S5.SMALL1'],
  'ModifyImageSharePermission.Permission': ['SHARE', 'CANCEL'],
  'ModifySnapshotAttribute.Deadline': [tomorrow],
  'ModifySnapshotsSharePermission.Permission': ['SHARE', 'CANCEL'],
  'ResizeDisk.DiskSize': [300],
  'RunInstances.DataDisks.DiskType': ['CLOUD_SSD'],
  'RunInstances.ImageId': ['img-ubuntu22'],
  'RunInstances.InstanceChargeType': ['SPOTPAID'],
  'RunInstances.InstanceType': ['S5.SMALL1'],
  'RunInstances.InternetAccessible.InternetChargeType': ['BANDWIDTH_POSTPAID_BY_HOUR'],
  'RunInstances.Placement.Zone': ['ap-guangzhou-4'],
  'RunInstances.SystemDisk.DiskType': ['CLOUD_SSD'],
  'StopInstances.StopType': ['HARD', 'SOFT_FIRST'],
  'StopInstances.StoppedMode': ['STOP_CHARGING'],
  'SyncImages.DestinationRegions': [['ap-tokyo']],
};
for (const direction of ['Ingress', 'Egress']) {
  const policy = `CreateSecurityGroupPolicies.SecurityGroupPolicySet.${direction}`;
  Object.assign(candidates, {
    [`${policy}.Action`]: ['DROP'],
    [`${policy}.CidrBlock`]: ['10.1.0.0/16'],
    [`${policy}.Protocol`]: ['UDP'],
  });
}

test('parameters that count as honoured make a difference, those that are only checked make none', async (t) => {
  const rows = new Map(coverage().flatMap(({ served }) => served.map((row) => [row.action, row] as const)));
  const looked = (action: string): string[] => {
    const row = rows.get(action);
    return row === undefined ? [] : [...row.honoured, ...row.checked];
  };
  const effects = new Effects(looked, candidates);
  const simulator = await simulatorFor(t, { durations: { recycle: 1 } });
  t.after(effects.watch());
  const cloud = new Cloud(simulator.port);
  await tour(cloud);
  await special(cloud);
  const named = (kind: 'honoured' | 'checked'): string[] =>
    [...rows.values()].flatMap((row) => row[kind].map((path) => `${row.action}.${path}`));
  const without = named('honoured').filter((name) => !effects.seen.has(name));
  assert.deepEqual(without, [], 'these make no difference: declare them as checked, or give a candidate or a call');
  const withEffect = named('checked').filter((name) => effects.seen.has(name));
  assert.deepEqual(withEffect, [], 'these are honoured');
});

/** Calls in which a parameter matters that does not in those of the tour. */
async function special(cloud: Cloud): Promise<void> {
  for (const action of [
    'DescribeKeyPairs',
    'DescribeSecurityGroups',
    'DescribeSubnets',
    'DescribeVpcs',
    'GetResources',
  ])
    await cloud.ask(action);
  const theirs = cloud.in(cloud.region, otherKey);
  await theirs.ask('AssumeRole', {
    RoleArn: 'qcs::cam::uin/100000000001:roleName/ImageBuilder',
    RoleSessionName: 'tour',
  });
  await networks(cloud);
  await keyPairs(cloud);
  const snapshots = await snapshotsOf(cloud);
  await images(cloud, snapshots);
  await launches(cloud, snapshots);
}

async function networks(cloud: Cloud): Promise<void> {
  const network = { VpcName: 'twin', CidrBlock: '10.77.0.0/16' };
  const [first, second] = [await cloud.ask('CreateVpc', network), await cloud.ask('CreateVpc', network)];
  const { VpcId } = (first.Vpc ?? second.Vpc) as Row;
  await cloud.ask('CreateSubnet', { VpcId, SubnetName: 'n', CidrBlock: '10.77.9.0/24', Zone: zone });
  const inDefault = { VpcId: 'vpc-gz000001', SubnetName: 'n', CidrBlock: '10.0.250.0/24', Zone: zone };
  await cloud.ask('CreateSubnet', inDefault);
  for (const direction of ['Ingress', 'Egress']) {
    await cloud.ask('CreateSecurityGroupPolicies', {
      SecurityGroupId: 'sg-gz000002',
      SecurityGroupPolicySet: {
        [direction]: [{ Protocol: 'TCP', Port: '99', SecurityGroupId: 'sg-gz000001', Action: 'ACCEPT' }],
      },
    });
  }
}

async function keyPairs(cloud: Cloud): Promise<void> {
  const binding = { InstanceIds: [running], KeyIds: ['skey-gz000001'], ForceStop: true };
  await cloud.ask('AssociateInstancesKeyPairs', binding);
  await cloud.settled(running, 'RUNNING');
  await cloud.ask('DisassociateInstancesKeyPairs', binding);
  await cloud.ask('ImportKeyPair', { KeyName: 'second', ProjectId: 0, PublicKey: newRsaKey('second').publicKey });
  await cloud.ask('DescribeKeyPairs');
  await cloud.settled(running, 'RUNNING');
}

/** One of a system disk, one of a data disk. */
async function snapshotsOf(cloud: Cloud): Promise<string[]> {
  const ids: string[] = [];
  for (const DiskId of ['disk-web2sys1', 'disk-apidata1']) {
    const { SnapshotId } = await cloud.ask('CreateSnapshot', { DiskId });
    ids.push((await cloud.snapshotDone(String(SnapshotId))).SnapshotId as string);
  }
  const [SnapshotId = ''] = ids;
  await cloud.ask('DescribeSnapshots');
  await cloud.ask('DescribeSnapshots', { Filters: [{ Name: 'snapshot-id', Values: [SnapshotId] }] });
  await cloud.ask('ModifySnapshotAttribute', { SnapshotId, Deadline: tomorrow });
  await cloud.ask('ModifySnapshotAttribute', { SnapshotId, IsPermanent: true });
  await cloud.ask('DescribeDisks');
  const group = async (): Promise<Row> => {
    const { SnapshotGroupId } = await cloud.ask('CreateSnapshotGroup', { DiskIds: ['disk-apisys01', 'disk-apidata1'] });
    const [row] = await cloud.rows('DescribeSnapshotGroups', 'SnapshotGroupSet', {
      Filters: [{ Name: 'snapshot-group-id', Values: [String(SnapshotGroupId)] }],
    });
    for (const id of row!.SnapshotIdSet as string[]) await cloud.snapshotDone(id);
    return row!;
  };
  const { SnapshotGroupId, SnapshotIdSet } = await group();
  const { ImageId } = await cloud.ask('CreateImage', { ImageName: 'group', SnapshotIds: SnapshotIdSet });
  await cloud.imageDone(String(ImageId));
  await cloud.ask('DeleteSnapshotGroup', { SnapshotGroupIds: [SnapshotGroupId], DeleteBindImages: true });
  return ids;
}

async function images(cloud: Cloud, [system = '', data = '']: string[]): Promise<void> {
  const family = { ImageFamily: 'golden' };
  const { ImageId } = await cloud.ask('CreateImage', { ImageName: 'own', SnapshotIds: [system], ...family });
  await cloud.imageDone(String(ImageId));
  await cloud.ask('DescribeImageFromFamily', family);
  await cloud.ask('SyncImages', {
    ...{ ImageIds: [ImageId], DestinationRegions: [cloud.region], ImageName: 'locked', Encrypt: true },
  });
  await cloud.imageDone(String(ImageId));
  const share = { ImageId, AccountIds: ['100000000002'] };
  await cloud.ask('ModifyImageSharePermission', { ...share, Permission: 'SHARE' });
  const sharing = { SnapshotIds: [data], AccountIds: ['100000000002'] };
  await cloud.ask('ModifySnapshotsSharePermission', { ...sharing, Permission: 'SHARE' });
  await cloud.ask('DescribeImageSharePermission', { ImageId });
  await cloud.ask('ModifyImageSharePermission', { ...share, Permission: 'CANCEL' });
  await cloud.ask('ModifySnapshotsSharePermission', { ...sharing, Permission: 'CANCEL' });
  await cloud.ask('DeleteSnapshots', { SnapshotIds: [system], DeleteBindImages: true });
  const { ImageId: torn } = await cloud.ask('CreateImage', {
    ImageName: 'on',
    InstanceId: running,
    ForcePoweroff: 'TRUE',
  });
  await cloud.imageDone(String(torn));
  const whole = { ImageName: 'whole', InstanceId: 'ins-api00001', DataDiskIds: ['disk-apidata1'] };
  await cloud.imageDone(String((await cloud.ask('CreateImage', whole)).ImageId));
  await cloud.ask('CreateImage', { ImageName: 'win', InstanceId: 'ins-win00001', Sysprep: 'TRUE', DryRun: true });
}

async function launches(cloud: Cloud, [, SnapshotId]: string[]): Promise<void> {
  const launch = { ImageId: 'img-ubuntu24', Placement: { Zone: zone } };
  await cloud.ask('StopInstances', { InstanceIds: ['ins-db000001'], StopType: 'HARD' });
  await cloud.ask('RunInstances', { ...launch, InstanceCount: 2, MinCount: 1 });
  const VirtualPrivateCloud = { VpcId: 'vpc-gz000001', SubnetId: 'subnet-gz000003' };
  await cloud.ask('RunInstances', { ...launch, VirtualPrivateCloud });
  await cloud.ask('RunInstances', { ...launch, LoginSettings: { Password: 'Simulator_1' } });
  await cloud.ask('InquiryPriceRunInstances', { ...launch, DataDisks: [{ DiskSize: 0, SnapshotId }] });
  const prepaid = { InstanceChargeType: 'PREPAID', InstanceChargePrepaid: { Period: 1 } };
  await cloud.ask('InquiryPriceRunInstances', { ...launch, ...prepaid });
  const disk = { Placement: { Zone: zone }, DiskType: 'CLOUD_PREMIUM', DiskSize: 100 };
  const { DiskIdSet } = await cloud.ask('CreateDisks', {
    ...{ ...disk, DiskChargeType: 'POSTPAID_BY_HOUR', DiskChargePrepaid: { Period: 1 } },
  });
  const [DiskId = ''] = DiskIdSet as string[];
  await cloud.disk(DiskId, 'UNATTACHED');
  const { SnapshotId: own } = await cloud.ask('CreateSnapshot', { DiskId });
  await cloud.snapshotDone(String(own));
  await cloud.ask('TerminateDisks', { DiskIds: [DiskId], DeleteSnapshot: 1 });
  const applied = { SnapshotId, DiskId: 'disk-apidata1' };
  await cloud.ask('StartInstances', { InstanceIds: ['ins-api00001'] });
  await cloud.settled('ins-api00001', 'RUNNING');
  await cloud.ask('ApplySnapshot', { ...applied, AutoStopInstance: true });
}
