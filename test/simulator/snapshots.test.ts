import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { advance, Cloud, control, otherKey, type Row, simulatorFor, stopClock, until } from './support';

const other = '100000000002';
const data = 'disk-apidata1';

async function snapshotOf(cloud: Cloud, disk: string): Promise<string> {
  const id = String((await cloud.ask('CreateSnapshot', { DiskId: disk, SnapshotName: disk })).SnapshotId);
  await cloud.snapshotDone(id);
  return id;
}

describe('snapshot groups', { concurrency: true }, () => {
  test('take all disks of an instance at once, and go with them', async (t) => {
    const simulator = await simulatorFor(t);
    const cloud = new Cloud(simulator.port);
    const request = { DiskIds: ['disk-websys01', 'disk-webdata1', 'disk-webdata2'], SnapshotGroupName: 'web' };
    await stopClock(simulator.url);
    const { SnapshotGroupId } = await cloud.ask('CreateSnapshotGroup', request);
    const id = String(SnapshotGroupId);
    await cloud.refused('InvalidDisk.SnapshotCreating', 'CreateSnapshotGroup', request);
    await cloud.refused('UnsupportedOperation.StateError', 'DeleteSnapshotGroup', { SnapshotGroupId: id });
    const find = { Filters: [{ Name: 'snapshot-group-id', Values: [id] }] };
    await advance(simulator.url, 1800);
    await control(simulator.url, 'POST', '/clock', { stopped: false });
    const [group] = (await cloud.rows('DescribeSnapshotGroups', 'SnapshotGroupSet', find)) as [Row];
    assert.equal(group.SnapshotGroupState, 'NORMAL');
    assert.deepEqual([group.ContainRootSnapshot, group.Percent], [true, 100]);
    const members = group.SnapshotIdSet as string[];
    const names = await Promise.all(members.map(async (member) => (await cloud.snapshot(member)).SnapshotName));
    assert.deepEqual(names, ['web_0', 'web_1', 'web_2']);

    const { ImageId } = await cloud.ask('CreateImage', { ImageName: 'web', SnapshotIds: members });
    await cloud.imageDone(String(ImageId));
    await cloud.refused('UnsupportedOperation.SnapshotHasBindedImage', 'DeleteSnapshotGroup', { SnapshotGroupId: id });
    await cloud.ask('DeleteSnapshotGroup', { SnapshotGroupIds: [id], DeleteBindImages: true });
    assert.equal((await cloud.ask('DescribeSnapshotGroups', find)).TotalCount, 0);
    const left = await cloud.rows('DescribeSnapshots', 'SnapshotSet', { SnapshotIds: members });
    assert.ok(left.every((row) => row.SnapshotState === 'TORECYCLE'));
    assert.equal((await cloud.ask('DescribeImages', { ImageIds: [ImageId] })).TotalCount, 0);
    await cloud.refused('InvalidSnapshotId.NotFound', 'DeleteSnapshotGroup', { SnapshotGroupId: id });
  });

  test('need disks of one instance, and room for all of them', async (t) => {
    const simulator = await simulatorFor(t);
    const cloud = new Cloud(simulator.port);
    await cloud.refused('InvalidParameter', 'CreateSnapshotGroup', { DiskIds: ['disk-websys01', 'disk-web2sys1'] });
    simulator.seed({ snapshotQuota: { 'ap-guangzhou': 1 } });
    const two = { DiskIds: ['disk-websys01', 'disk-webdata1'] };
    await cloud.refused('InsufficientSnapshotQuota', 'CreateSnapshotGroup', two);
    assert.equal((await cloud.ask('DescribeSnapshotOverview')).TotalNums, 0, 'all of them or none');
  });

  test('lose a snapshot that is deleted by itself', async (t) => {
    const simulator = await simulatorFor(t);
    const cloud = new Cloud(simulator.port);
    await cloud.ask('CreateSnapshotGroup', { DiskIds: ['disk-apisys01', data] });
    const rows = async (): Promise<Row[]> => cloud.rows('DescribeSnapshotGroups', 'SnapshotGroupSet');
    const [first, second] = (await rows())[0]!.SnapshotIdSet as string[];
    await Promise.all([cloud.snapshotDone(first!), cloud.snapshotDone(second!)]);
    await cloud.ask('DeleteSnapshots', { SnapshotIds: [first] });
    assert.deepEqual((await rows())[0]!.SnapshotIdSet, [second]);
    await cloud.ask('DeleteSnapshots', { SnapshotIds: [second] });
    assert.deepEqual(await rows(), []);
  });
});

describe('deleted snapshots', { concurrency: true }, () => {
  test('are described as TORECYCLE for a while, and are nothing else any more', async (t) => {
    const simulator = await simulatorFor(t);
    const cloud = new Cloud(simulator.port);
    const id = await snapshotOf(cloud, data);
    const kept = await snapshotOf(cloud, data);
    await stopClock(simulator.url);
    await cloud.ask('DeleteSnapshots', { SnapshotIds: [id] });
    const { SnapshotState, Percent } = await cloud.snapshot(id);
    assert.deepEqual([SnapshotState, Percent], ['TORECYCLE', 100]);
    const filter = { Filters: [{ Name: 'snapshot-state', Values: ['TORECYCLE'] }] };
    assert.equal((await cloud.ask('DescribeSnapshots', filter)).TotalCount, 1);
    const disk = { Placement: { Zone: 'ap-guangzhou-3' }, DiskChargeType: 'POSTPAID_BY_HOUR', DiskType: 'CLOUD_SSD' };
    await cloud.refused('InvalidSnapshotId.NotFound', 'DeleteSnapshots', { SnapshotIds: [id] });
    await cloud.refused('InvalidSnapshotId.NotFound', 'DeleteSnapshots', { SnapshotIds: [kept, id] });
    await cloud.refused('InvalidSnapshotId.NotFound', 'ModifySnapshotAttribute', { SnapshotId: id, SnapshotName: 'n' });
    await cloud.refused('InvalidSnapshotId.NotFound', 'ApplySnapshot', { SnapshotId: id, DiskId: data });
    await cloud.refused('InvalidSnapshotId.NotFound', 'CreateDisks', { ...disk, SnapshotId: id });
    await cloud.refused('InvalidParameter.SnapshotNotFound', 'CreateImage', { ImageName: 'n', SnapshotIds: [id] });
    const Resource = `qcs::cvm:ap-guangzhou:uin/100000000001:snapshot/${id}`;
    const tags = { Resource, ReplaceTags: [{ TagKey: 'a', TagValue: 'b' }] };
    await cloud.refused('FailedOperation', 'ModifyResourceTags', tags);
    assert.equal((await cloud.ask('DescribeSnapshotOverview')).TotalNums, 1);
    const [{ SnapshotCount } = {}] = await cloud.rows('DescribeDisks', 'DiskSet', { DiskIds: [data] });
    assert.equal(SnapshotCount, 1);
    // They take no room either.
    simulator.seed({ snapshotQuota: { 'ap-guangzhou': 2 } });
    await cloud.ask('CreateSnapshot', { DiskId: data });
    await cloud.refused('InsufficientSnapshotQuota', 'CreateSnapshot', { DiskId: 'disk-apisys01' });
    await advance(simulator.url, 120);
    assert.equal((await cloud.ask('DescribeSnapshots', { SnapshotIds: [id] })).TotalCount, 0);
    assert.equal((await cloud.snapshot(kept)).SnapshotState, 'NORMAL');
  });

  test('are gone at once by a switch', async (t) => {
    const cloud = new Cloud((await simulatorFor(t, { switches: { snapshotsAreRecycled: false } })).port);
    const id = await snapshotOf(cloud, data);
    await cloud.ask('DeleteSnapshots', { SnapshotIds: [id] });
    assert.equal((await cloud.ask('DescribeSnapshots', { SnapshotIds: [id] })).TotalCount, 0);
  });

  test('that are copied arrive, and are checked, before they are NORMAL', async (t) => {
    const simulator = await simulatorFor(t);
    const cloud = new Cloud(simulator.port);
    const SnapshotId = await snapshotOf(cloud, data);
    await stopClock(simulator.url);
    const copied = await cloud.ask('CopySnapshotCrossRegions', { SnapshotId, DestinationRegions: ['ap-tokyo'] });
    const [{ SnapshotId: id }] = copied.SnapshotCopyResultSet as [Row];
    const there = cloud.in('ap-tokyo');
    for (const state of ['COPYING_FROM_REMOTE', 'CHECKING_COPIED', 'NORMAL']) {
      assert.equal((await there.snapshot(String(id))).SnapshotState, state);
      if (state !== 'NORMAL') await advance(simulator.url, 'next');
    }
  });
});

describe('sharing snapshots', { concurrency: true }, () => {
  test('lets another account see it and make disks of it, until it is taken back', async (t) => {
    const simulator = await simulatorFor(t);
    const cloud = new Cloud(simulator.port);
    const theirs = cloud.in('ap-guangzhou', otherKey);
    const id = await snapshotOf(cloud, data);
    const disk = {
      Placement: { Zone: 'ap-guangzhou-3' },
      DiskChargeType: 'POSTPAID_BY_HOUR',
      DiskType: 'CLOUD_PREMIUM',
      SnapshotId: id,
    };
    await theirs.refused('InvalidSnapshotId.NotFound', 'CreateDisks', disk);
    const share = { SnapshotIds: [id], AccountIds: [other], Permission: 'SHARE' };
    await cloud.ask('ModifySnapshotsSharePermission', share);
    const [permission] = await cloud.rows('DescribeSnapshotSharePermission', 'SharePermissionSet', { SnapshotId: id });
    assert.equal(permission!.AccountId, other);
    const filter = { Filters: [{ Name: 'snapshot-type', Values: ['SHARED_SNAPSHOT'] }] };
    const [seen] = await theirs.rows('DescribeSnapshots', 'SnapshotSet', filter);
    assert.deepEqual([seen!.SnapshotId, seen!.SnapshotType, seen!.ShareReference], [id, 'SHARED_SNAPSHOT', 0]);
    assert.equal((await cloud.snapshot(id)).ShareReference, 1);
    const { DiskIdSet } = await theirs.ask('CreateDisks', disk);
    const made = (DiskIdSet as string[])[0]!;
    const content = (await control(simulator.url, 'GET', `/disks/${made}/content`)).content;
    assert.equal(content, (await control(simulator.url, 'GET', `/disks/${data}/content`)).content);

    await theirs.refused('InvalidSnapshotId.NotFound', 'DeleteSnapshots', { SnapshotIds: [id] });
    await cloud.refused('UnsupportedOperation.SnapHasShared', 'DeleteSnapshots', { SnapshotIds: [id] });
    await cloud.ask('ModifySnapshotsSharePermission', { ...share, Permission: 'CANCEL' });
    assert.equal((await theirs.ask('DescribeSnapshots', { SnapshotIds: [id] })).TotalCount, 0);
    await cloud.ask('DeleteSnapshots', { SnapshotIds: [id] });
  });

  test('is seen later by the other account, while describes lag', async (t) => {
    const simulator = await simulatorFor(t, { speed: 1 });
    const cloud = new Cloud(simulator.port);
    const theirs = cloud.in('ap-guangzhou', otherKey);
    await stopClock(simulator.url);
    const { SnapshotId } = await cloud.ask('CreateSnapshot', { DiskId: data });
    await advance(simulator.url, 1800);
    simulator.arm({ action: 'ModifySnapshotsSharePermission', kind: 'write-lag', milliseconds: 10_000 });
    const share = { SnapshotIds: [SnapshotId], AccountIds: [other], Permission: 'SHARE' };
    await cloud.ask('ModifySnapshotsSharePermission', share);
    const seen = async (): Promise<unknown> =>
      (await theirs.ask('DescribeSnapshots', { SnapshotIds: [SnapshotId] })).TotalCount;
    assert.equal(await seen(), 0);
    await advance(simulator.url, 10);
    assert.equal(await seen(), 1);
  });

  test('is for data disks, and for accounts that exist', async (t) => {
    const simulator = await simulatorFor(t);
    const cloud = new Cloud(simulator.port);
    const system = await snapshotOf(cloud, 'disk-apisys01');
    const share = (id: string, account: string): Row => ({
      SnapshotIds: [id],
      AccountIds: [account],
      Permission: 'SHARE',
    });
    await cloud.refused('InvalidSnapshot.NotSupported', 'ModifySnapshotsSharePermission', share(system, other));
    const id = await snapshotOf(cloud, data);
    await cloud.refused('InvalidParameter', 'ModifySnapshotsSharePermission', share(id, '42'));
    await cloud.refused('InvalidParameter', 'ModifySnapshotsSharePermission', share(id, '100000000001'));
  });
});

describe('snapshots of a kind', { concurrency: true }, () => {
  test('with a deadline go by themselves, unless something holds them', async (t) => {
    const simulator = await simulatorFor(t);
    const cloud = new Cloud(simulator.port);
    const id = await snapshotOf(cloud, data);
    const Deadline = new Date(Date.now() + 2 * 86_400_000).toISOString();
    await cloud.ask('ModifySnapshotAttribute', { SnapshotId: id, Deadline });
    // Clients send empty text for "nothing".
    await cloud.ask('ModifySnapshotAttribute', { SnapshotId: id, SnapshotName: '', Deadline: '' });
    const { IsPermanent, SnapshotName } = await cloud.snapshot(id);
    assert.deepEqual([IsPermanent, SnapshotName], [false, data]);
    const soon = new Date(Date.now() + 3_600_000).toISOString();
    await cloud.refused('InvalidParameterValue', 'ModifySnapshotAttribute', { SnapshotId: id, Deadline: soon });
    const state = (await control(simulator.url, 'GET', '/state')) as { happenings: Row[] };
    assert.ok(state.happenings.some((row) => row.type === 'snapshot.expired' && row.target === id));
    await cloud.ask('ModifySnapshotAttribute', { SnapshotId: id, IsPermanent: true });
    assert.equal((await cloud.snapshot(id)).IsPermanent, true);
    const system = await snapshotOf(cloud, 'disk-apisys01');
    await cloud.ask('CreateImage', { ImageName: 'bound', SnapshotIds: [system] });
    const bound = { SnapshotId: system, Deadline };
    await cloud.refused('UnsupportedOperation.SnapshotHasBindedImage', 'ModifySnapshotAttribute', bound);
  });

  test('bring a disk back, which is busy meanwhile', async (t) => {
    const simulator = await simulatorFor(t);
    const cloud = new Cloud(simulator.port);
    const id = await snapshotOf(cloud, data);
    const another = await snapshotOf(cloud, data);
    const before = (await control(simulator.url, 'GET', `/disks/${data}/content`)).content;
    await control(simulator.url, 'PUT', `/disks/${data}/content`, { content: 'spoiled' });
    await cloud.refused('InvalidParameterValue', 'ApplySnapshot', { SnapshotId: id, DiskId: 'disk-apisys01' });
    await stopClock(simulator.url);
    await cloud.ask('ApplySnapshot', { SnapshotId: id, DiskId: data });
    await cloud.refused('ResourceInUse.DiskRollbacking', 'ApplySnapshot', { SnapshotId: another, DiskId: data });
    const image = { ImageName: 'whole', InstanceId: 'ins-api00001', DataDiskIds: [data] };
    await cloud.refused('ResourceInUse.DiskRollbacking', 'CreateImage', image);
    await cloud.refused('MutexOperation.TaskRunning', 'StartInstances', { InstanceIds: ['ins-api00001'] });
    await advance(simulator.url, 30);
    // The snapshot is held as long as the disk.
    await cloud.refused('ResourceBusy', 'DeleteSnapshots', { SnapshotIds: [id] });
    await cloud.refused('ResourceBusy', 'CopySnapshotCrossRegions', {
      SnapshotId: id,
      DestinationRegions: ['ap-tokyo'],
    });
    const [rolling] = await cloud.rows('DescribeDisks', 'DiskSet', { DiskIds: [data] });
    assert.equal(rolling!.DiskState, 'ROLLBACKING');
    assert.ok(Number(rolling!.RollbackPercent) > 0 && Number(rolling!.RollbackPercent) < 100);
    await advance(simulator.url);
    const [whole] = await cloud.rows('DescribeDisks', 'DiskSet', { DiskIds: [data] });
    assert.equal(whole!.DiskState, 'ATTACHED');
    assert.equal((await control(simulator.url, 'GET', `/disks/${data}/content`)).content, before);
    assert.equal((await cloud.snapshot(id)).SnapshotState, 'NORMAL');
    await cloud.ask('CreateImage', image);
  });

  test('of a running instance are applied when it is stopped for it, and started again', async (t) => {
    const simulator = await simulatorFor(t);
    const cloud = new Cloud(simulator.port);
    const id = await snapshotOf(cloud, 'disk-webdata1');
    const request = { SnapshotId: id, DiskId: 'disk-webdata1' };
    await cloud.refused('InvalidInstance.NotSupported', 'ApplySnapshot', request);
    await cloud.refused('InvalidParameterValue', 'ApplySnapshot', { ...request, AutoStartInstance: true });
    await cloud.ask('ApplySnapshot', { ...request, AutoStopInstance: true, AutoStartInstance: true });
    const row = await cloud.settled('ins-web00001', 'RUNNING');
    assert.equal(row.LatestOperation, 'ApplySnapshot');
  });

  test('fit no longer when the disk has grown', async (t) => {
    const simulator = await simulatorFor(t);
    const cloud = new Cloud(simulator.port);
    const id = await snapshotOf(cloud, data);
    await cloud.refused('UnsupportedOperation.InstanceNotStopped', 'ResizeDisk', {
      DiskId: 'disk-webdata1',
      DiskSize: 200,
    });
    await cloud.refused('InvalidParameterValue', 'ResizeDisk', { DiskId: data, DiskSize: 50 });
    await cloud.refused('InvalidDisk.NotSupported', 'ResizeDisk', { DiskId: 'disk-apisys01', DiskSize: 100 });
    await cloud.ask('ResizeDisk', { DiskId: data, DiskSize: 80 });
    await until('larger', async () => {
      const [row] = await cloud.rows('DescribeDisks', 'DiskSet', { DiskIds: [data] });
      return row!.DiskSize === 80 && row!.DiskState === 'ATTACHED' ? row : undefined;
    });
    await cloud.refused('InvalidParameter.DiskSizeNotMatch', 'ApplySnapshot', { SnapshotId: id, DiskId: data });
    const overview = await cloud.ask('DescribeSnapshotOverview');
    assert.deepEqual([overview.TotalNums, overview.TotalSize, overview.RealTradeSize], [1, 50, 0]);
  });
});
