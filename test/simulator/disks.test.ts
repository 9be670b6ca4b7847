import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { advance, Cloud, control, simulatorFor, simulatorWithClock, stopClock, until } from './support';

describe('disks and snapshots', { concurrency: true }, () => {
  test('a snapshot holds what the disk held when it was asked for', async (t) => {
    const { clock, simulator } = await simulatorWithClock(t, { durations: { snapshot: 200 } });
    const cloud = new Cloud(simulator.port);
    const { SnapshotId } = await cloud.ask('CreateSnapshot', { DiskId: 'disk-apidata1', SnapshotName: 's' });
    await control(simulator.url, 'PUT', '/disks/disk-apidata1/content', { content: 'later' });
    const creating = await cloud.snapshot(String(SnapshotId));
    assert.equal(creating.SnapshotState, 'CREATING');
    assert.match(String(creating.CreateTime), /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/);
    await cloud.refused('InvalidDisk.SnapshotCreating', 'CreateSnapshot', { DiskId: 'disk-apidata1' });
    await cloud.refused('ResourceUnavailable.SnapshotCreating', 'CreateImage', {
      ImageName: 'n',
      InstanceId: 'ins-api00001',
      DataDiskIds: ['disk-apidata1'],
    });
    await cloud.refused('ResourceUnavailable.SnapshotCreating', 'DeleteSnapshots', { SnapshotIds: [SnapshotId] });
    clock.pass(100);
    assert.equal((await cloud.snapshot(String(SnapshotId))).Percent, 50);
    clock.pass(100);
    const done = await cloud.snapshotDone(String(SnapshotId));
    assert.equal(done.Percent, 100);
    const { content } = await control(simulator.url, 'GET', `/snapshots/${String(SnapshotId)}/content`);
    assert.equal(content, 'data of disk-apidata1');
    await cloud.ask('ModifySnapshotAttribute', { SnapshotId, SnapshotName: 'renamed' });
    const named = await cloud.rows('DescribeSnapshots', 'SnapshotSet', {
      Filters: [{ Name: 'snapshot-name', Values: ['renamed'] }],
    });
    assert.equal(named.length, 1);
    await cloud.ask('CopySnapshotCrossRegions', { SnapshotId, DestinationRegions: ['ap-singapore'] });
  });

  test('snapshots are refused with the code of the reason', async (t) => {
    const simulator = await simulatorFor(t);
    const cloud = new Cloud(simulator.port);
    await cloud.refused('InvalidDiskId.NotFound', 'CreateSnapshot', { DiskId: 'disk-00000000' });
    await cloud.refused('InvalidDiskId.NotFound', 'CreateSnapshot', { DiskId: 'disk-ldsdata1' });
    await cloud.refused('InvalidSnapshotId.NotFound', 'DeleteSnapshots', { SnapshotIds: ['snap-00000000'] });
    await cloud.refused('InvalidParameterValue', 'CreateSnapshot', {
      DiskId: 'disk-apidata1',
      SnapshotName: 'x'.repeat(61),
    });
    simulator.seed({ snapshotQuota: { 'ap-guangzhou': 0 } });
    await cloud.refused('InsufficientSnapshotQuota', 'CreateSnapshot', { DiskId: 'disk-apidata1' });
    for (const action of ['DescribeSnapshots', 'DescribeDisks'])
      await cloud.refused('InvalidParameterValue', action, { Order: 'UP' });
    await cloud.refused('InvalidFilter', 'DescribeSnapshots', { Filters: [{ Name: 'tag:x', Values: ['y'] }] });
  });

  test('a disk is created, attached, detached and returned', async (t) => {
    const cloud = new Cloud((await simulatorFor(t)).port);
    const wanted = {
      Placement: { Zone: 'ap-guangzhou-3' },
      DiskChargeType: 'POSTPAID_BY_HOUR',
      DiskType: 'CLOUD_SSD',
      DiskSize: 20,
      ClientToken: 'one',
    };
    const [id = ''] = (await cloud.ask('CreateDisks', wanted)).DiskIdSet as string[];
    assert.deepEqual((await cloud.ask('CreateDisks', wanted)).DiskIdSet, [id]);
    const prepaid = { ...wanted, DiskChargeType: 'PREPAID', ClientToken: 'two' };
    await cloud.refused('MissingParameter', 'CreateDisks', prepaid);
    await cloud.ask('CreateDisks', { ...prepaid, DiskChargePrepaid: { Period: 1 } });
    await cloud.refused('InvalidParameter.InvalidClientToken', 'CreateDisks', { ...wanted, DiskSize: 30 });
    const state = (name: string): Promise<unknown> =>
      until(`${id} ${name}`, async () => {
        const [disk] = await cloud.rows('DescribeDisks', 'DiskSet', { DiskIds: [id] });
        return disk?.DiskState === name ? disk : undefined;
      });
    await state('UNATTACHED');
    await cloud.ask('AttachDisks', { InstanceId: 'ins-web00002', DiskIds: [id] });
    await state('ATTACHED');
    await cloud.refused('ResourceUnavailable.Attached', 'AttachDisks', { InstanceId: 'ins-web00002', DiskIds: [id] });
    await cloud.refused('ResourceUnavailable.NotSupported', 'TerminateDisks', { DiskIds: [id] });
    assert.equal(((await cloud.instance('ins-web00002')).DataDisks as unknown[]).length, 1);
    // Clients send empty text for "nothing".
    await cloud.ask('ModifyDiskAttributes', { DiskIds: [id], DiskName: 'mine' });
    await cloud.ask('ModifyDiskAttributes', { DiskIds: [id], DiskName: '', DeleteWithInstance: false });
    await cloud.ask('DetachDisks', { InstanceId: '', DiskIds: [id] });
    await state('UNATTACHED');
    const [mine] = await cloud.rows('DescribeDisks', 'DiskSet', { DiskIds: [id] });
    assert.equal(mine!.DiskName, 'mine');
    await cloud.ask('TerminateDisks', { DiskIds: [id] });
    assert.equal((await cloud.ask('DescribeDisks', { DiskIds: [id] })).TotalCount, 0);
    await cloud.refused('InvalidDisk.NotPortable', 'DetachDisks', { DiskIds: ['disk-websys01'] });
  });

  test('a disk that is being made is not described, and nothing can be done with it', async (t) => {
    const simulator = await simulatorFor(t);
    const cloud = new Cloud(simulator.port);
    await stopClock(simulator.url);
    const wanted = { Placement: { Zone: 'ap-guangzhou-3' }, DiskChargeType: 'POSTPAID_BY_HOUR', DiskType: 'CLOUD_SSD' };
    const { DiskIdSet: DiskIds } = (await cloud.ask('CreateDisks', { ...wanted, DiskSize: 20 })) as {
      DiskIdSet: string[];
    };
    const [DiskId] = DiskIds;
    const described = async (): Promise<unknown> => (await cloud.ask('DescribeDisks', { DiskIds })).TotalCount;
    assert.equal(await described(), 0);
    await cloud.refused('ResourceBusy', 'AttachDisks', { InstanceId: 'ins-web00002', DiskIds });
    await cloud.refused('ResourceBusy', 'TerminateDisks', { DiskIds });
    await cloud.refused('ResourceBusy', 'DetachDisks', { DiskIds });
    await cloud.refused('InvalidDisk.Busy', 'CreateSnapshot', { DiskId });
    await cloud.refused('InvalidDisk.Busy', 'ResizeDisk', { DiskId, DiskSize: 30 });
    await advance(simulator.url, 'next');
    assert.equal(await described(), 1);
    assert.equal((await cloud.disk(DiskId!, 'UNATTACHED')).DiskSize, 20);
    await cloud.ask('CreateSnapshot', { DiskId });
    await cloud.ask('AttachDisks', { InstanceId: 'ins-web00002', DiskIds });
  });

  test('networks are there, with text offsets', async (t) => {
    const cloud = new Cloud((await simulatorFor(t)).port);
    assert.equal((await cloud.ask('DescribeVpcs', { Offset: '0', Limit: '1' })).TotalCount, 2);
    const subnets = await cloud.rows('DescribeSubnets', 'SubnetSet', {
      Filters: [{ Name: 'vpc-id', Values: ['vpc-gz000001'] }],
    });
    assert.equal(subnets.length, 7);
    await cloud.ask('DescribeSecurityGroups', { SecurityGroupIds: ['sg-gz000001'] });
    await cloud.ask('DescribeKeyPairs');
    await cloud.ask('DescribeInstanceTypeConfigs', { Filters: [{ Name: 'zone', Values: ['ap-guangzhou-3'] }] });
  });
});
