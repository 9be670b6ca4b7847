import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Cloud, control, type Fields, type Row, simulatorFor } from './support';

const launch = (more: Fields = {}): Fields => ({
  ImageId: 'img-ubuntu24',
  Placement: { Zone: 'ap-guangzhou-3' },
  ...more,
});

describe('launches', { concurrency: true }, () => {
  test('make an instance with disks, addresses and tags', async (t) => {
    const simulator = await simulatorFor(t);
    const cloud = new Cloud(simulator.port);
    const { SnapshotId } = await cloud.ask('CreateSnapshot', {
      DiskId: 'disk-apidata1',
      Tags: [{ Key: 'a', Value: 'b' }],
    });
    await cloud.snapshotDone(String(SnapshotId));
    const answer = await cloud.ask(
      'RunInstances',
      launch({
        InstanceName: 'new',
        InstanceChargeType: 'SPOTPAID',
        InternetAccessible: { InternetMaxBandwidthOut: 1 },
        LoginSettings: { KeyIds: ['skey-gz000001'] },
        SecurityGroupIds: ['sg-gz000002'],
        VirtualPrivateCloud: { VpcId: 'vpc-gz000001', SubnetId: 'subnet-gz000003' },
        DataDisks: [{ DiskSize: 60, SnapshotId }],
        UserData: '',
        CamRoleName: '',
        TagSpecification: [{ ResourceType: 'instance', Tags: [{ Key: 'k', Value: 'v' }] }],
      }),
    );
    const [id = ''] = answer.InstanceIdSet as string[];
    const row = await cloud.settled(id, 'RUNNING');
    assert.equal((row.PrivateIpAddresses as string[]).length, 1);
    assert.equal((row.PublicIpAddresses as string[]).length, 1);
    assert.deepEqual(row.Tags, [{ Key: 'k', Value: 'v' }]);
    const [disk] = row.DataDisks as Row[];
    assert.equal(disk!.DiskSize, 60);
    const [cbs] = await cloud.rows('DescribeDisks', 'DiskSet', {
      Filters: [{ Name: 'disk-id', Values: [disk!.DiskId] }],
    });
    assert.deepEqual(cbs!.Tags, [{ Key: 'k', Value: 'v' }]);
    const content = await control(simulator.url, 'GET', `/disks/${String(disk!.DiskId)}/content`);
    assert.equal(content.content, 'data of disk-apidata1');
  });

  test('have a public address when there is bandwidth, and it is not declined', async (t) => {
    const cloud = new Cloud((await simulatorFor(t)).port);
    const addresses = async (InternetAccessible: Fields): Promise<unknown> => {
      const { InstanceIdSet } = await cloud.ask('RunInstances', launch({ InternetAccessible }));
      return ((await cloud.settled((InstanceIdSet as string[])[0]!, 'RUNNING')).PublicIpAddresses as string[] | null)
        ?.length;
    };
    assert.equal(await addresses({ InternetMaxBandwidthOut: 5 }), 1);
    assert.equal(await addresses({ InternetMaxBandwidthOut: 5, PublicIpAssigned: true }), 1);
    assert.equal(await addresses({ InternetMaxBandwidthOut: 5, PublicIpAssigned: false }), undefined);
    assert.equal(await addresses({ PublicIpAssigned: true }), undefined);
  });

  test('of a whole-instance image bring its data disks, unless they are named', async (t) => {
    const simulator = await simulatorFor(t);
    const cloud = new Cloud(simulator.port);
    simulator.seed({
      images: [{ region: 'ap-guangzhou', id: 'img-whole001', name: 'w', dataDisks: [20, 30], content: 'W' }],
    });
    const image = await cloud.image('img-whole001');
    const [, data] = image.SnapshotSet as Row[];
    const disksOf = async (more: Fields): Promise<unknown[]> => {
      const { InstanceIdSet } = await cloud.ask('RunInstances', launch({ ImageId: 'img-whole001', ...more }));
      const row = await cloud.settled((InstanceIdSet as string[])[0]!, 'RUNNING');
      return (row.DataDisks as Row[]).map((disk) => disk.DiskSize);
    };
    assert.deepEqual(await disksOf({}), [20, 30]);
    assert.deepEqual(await disksOf({ DataDisks: [{ DiskSize: 40, SnapshotId: data!.SnapshotId }] }), [40, 30]);
  });

  test('are refused with the code of the reason', async (t) => {
    const simulator = await simulatorFor(t);
    const cloud = new Cloud(simulator.port);
    simulator.seed({ images: [{ region: 'ap-guangzhou', id: 'img-big00001', name: 'big', size: 80 }] });
    const refused = (code: string, more: Fields): Promise<void> => cloud.refused(code, 'RunInstances', launch(more));
    const vpc = (VpcId: string, SubnetId: string): Fields => ({ VirtualPrivateCloud: { VpcId, SubnetId } });
    await refused('InvalidImageId.NotFound', { ImageId: 'img-00000000' });
    await refused('InvalidImageId.Malformed', { ImageId: 'ubuntu' });
    await refused('InvalidZone.MismatchRegion', { Placement: { Zone: 'ap-singapore-1' } });
    await refused('InvalidParameterValue.InstanceTypeNotFound', { InstanceType: 'Z9.HUGE' });
    await refused('InvalidParameterValue.VpcIdNotExist', vpc('vpc-00000000', 'subnet-gz000003'));
    await refused('InvalidParameterValue.SubnetNotExist', vpc('vpc-gz000001', 'subnet-00000000'));
    await refused('InvalidParameterValue.VpcIdSubnetIdNotMatch', vpc('vpc-gz000002', 'subnet-gz000003'));
    await refused('InvalidParameterValue.SubnetIdZoneIdNotMatch', vpc('vpc-gz000001', 'subnet-gz000004'));
    await refused('InvalidSecurityGroupId.NotFound', { SecurityGroupIds: ['sg-00000000'] });
    await refused('InvalidParameterValue', { SystemDisk: { DiskType: 'CLOUD_TAPE' } });
    await refused('InvalidParameterValue', { DataDisks: [{ DiskSize: 10, DiskType: 'CLOUD_TAPE' }] });
    await refused('InvalidParameterValue', { InternetAccessible: { InternetChargeType: 'FREE' } });
    await refused('InvalidParameterCombination', {
      LoginSettings: { Password: 'Secret-12345', KeyIds: ['skey-gz000001'] },
    });
    await refused('InvalidParameterValue.KeyPairNotFound', { LoginSettings: { KeyIds: ['skey-00000000'] } });
    await refused('UnsupportedOperation.KeyPairUnsupportedWindows', {
      ImageId: 'img-win2022d',
      LoginSettings: { KeyIds: ['skey-gz000001'] },
    });
    await refused('InvalidParameterValue', { LoginSettings: { KeepImageLogin: 'TRUE' } });
    await refused('InvalidParameterValue.InvalidPassword', { LoginSettings: { Password: 'short' } });
    await refused('InvalidParameterValue.Range', { ImageId: 'img-big00001', SystemDisk: { DiskSize: 50 } });
    await refused('InvalidParameter.SnapshotNotFound', { DataDisks: [{ DiskSize: 10, SnapshotId: 'snap-00000000' }] });
    await refused('InvalidClientToken.TooLong', { ClientToken: 'x'.repeat(65) });
    await refused('InvalidParameterValue.IllegalHostName', { HostName: '-bad-' });
    await refused('MissingParameter', { InstanceChargeType: 'PREPAID' });
    const { SnapshotId } = await cloud.ask('CreateSnapshot', { DiskId: 'disk-webdata1' });
    await cloud.snapshotDone(String(SnapshotId));
    await refused('FailedOperation.SnapshotSizeLargerThanDataSize', { DataDisks: [{ DiskSize: 50, SnapshotId }] });
    assert.deepEqual(Object.keys(await cloud.ask('RunInstances', launch({ DryRun: true }))), ['RequestId']);
    await cloud.ask('RunInstances', launch({ ImageId: 'img-big00001', LoginSettings: { KeepImageLogin: 'True' } }));
  });

  test('with the same ClientToken happen once', async (t) => {
    const cloud = new Cloud((await simulatorFor(t)).port);
    const before = (await cloud.ask('DescribeInstances')).TotalCount;
    const answers = await Promise.all(
      Array.from({ length: 5 }, () => cloud.ask('RunInstances', launch({ ClientToken: 'once' }))),
    );
    assert.equal(new Set(answers.map((answer) => JSON.stringify(answer.InstanceIdSet))).size, 1);
    assert.equal((await cloud.ask('DescribeInstances')).TotalCount, Number(before) + 1);
    await cloud.refused(
      'InvalidParameterValue.Duplicate',
      'RunInstances',
      launch({ ClientToken: 'once', InstanceCount: 2 }),
    );
  });
});
