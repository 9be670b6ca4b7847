import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  advance,
  Cloud,
  control,
  otherKey,
  type Row,
  simulatorFor,
  simulatorWithClock,
  stopClock,
  until,
} from './support';

const web = 'ins-web00001';
const snapshotsOf = (image: Row): Row[] => image.SnapshotSet as Row[];

describe('images', { concurrency: true }, () => {
  test('of a stopped instance: bound snapshot, busy source, deletion in order', async (t) => {
    const { clock, simulator } = await simulatorWithClock(t, { durations: { image: 120 } });
    const cloud = new Cloud(simulator.port);
    await cloud.ask('StopInstances', { InstanceIds: [web] });
    clock.pass(100);
    await cloud.settled(web, 'STOPPED');
    const { ImageId } = await cloud.ask('CreateImage', {
      ImageName: 'golden',
      InstanceId: web,
      ForcePoweroff: 'False',
      Sysprep: 'FALSE',
      TagSpecification: [{ ResourceType: 'image', Tags: [{ Key: 'k', Value: 'v' }] }],
    });
    const id = String(ImageId);
    const creating = await cloud.image(id);
    assert.equal(creating.ImageState, 'CREATING');
    assert.deepEqual(creating.Tags, [{ Key: 'k', Value: 'v' }]);
    const [bound] = snapshotsOf(creating);
    assert.equal(bound?.DiskUsage, 'SYSTEM_DISK');
    const snapshotId = String(bound.SnapshotId);
    const snapshot = await cloud.snapshot(snapshotId);
    assert.equal(snapshot.SnapshotState, 'CREATING');
    assert.deepEqual(snapshot.Images, [{ ImageId: id, ImageName: 'golden' }]);
    assert.equal(snapshot.ImageCount, 1);
    assert.ok(Number(snapshot.Percent) < 100);

    await cloud.refused('OperationDenied.InstanceOperationInProgress', 'StartInstances', { InstanceIds: [web] });
    await cloud.refused('OperationDenied.InstanceOperationInProgress', 'CreateImage', {
      ImageName: 'golden-2',
      InstanceId: web,
    });
    await cloud.refused('InvalidImageName.Duplicate', 'CreateImage', { ImageName: 'golden', InstanceId: web });
    await cloud.refused('InvalidImageId.IncorrectState', 'DeleteImages', { ImageIds: [id] });
    await cloud.refused('ResourceUnavailable.SnapshotCreating', 'DeleteSnapshots', { SnapshotIds: [snapshotId] });
    await cloud.refused('InvalidParameterValue.InvalidImageState', 'RunInstances', {
      ImageId: id,
      Placement: { Zone: 'ap-guangzhou-3' },
    });

    clock.pass(120);
    await cloud.imageDone(id);
    clock.pass(10);
    await cloud.settled(web, 'STOPPED');
    await cloud.refused('UnsupportedOperation.SnapshotHasBindedImage', 'DeleteSnapshots', {
      SnapshotIds: [snapshotId],
    });
    const content = await control(simulator.url, 'GET', `/snapshots/${snapshotId}/content`);
    assert.equal(content.content, 'web-1 system: nginx 1.26, app 4.2\nlisten 8080 200 web-1: app 4.2');
    await cloud.ask('DeleteImages', { ImageIds: [id], DryRun: true });
    await cloud.ask('DeleteImages', { ImageIds: [id] });
    assert.equal((await cloud.snapshot(snapshotId)).ImageCount, 0);
    await cloud.ask('DeleteSnapshots', { SnapshotIds: [snapshotId] });
    assert.equal((await cloud.snapshot(snapshotId)).SnapshotState, 'TORECYCLE');
  });

  test('of the whole instance bring their data disks, and are torn when it runs', async (t) => {
    const simulator = await simulatorFor(t);
    const cloud = new Cloud(simulator.port);
    const { ImageId } = await cloud.ask('CreateImage', {
      ImageName: 'whole',
      InstanceId: web,
      DataDiskIds: ['disk-webdata1', 'disk-webdata2'],
    });
    const image = await cloud.imageDone(String(ImageId));
    assert.deepEqual(
      snapshotsOf(image).map((part) => part.DiskSize),
      [50, 100, 50],
    );
    const torn = await control(simulator.url, 'GET', `/snapshots/${String(snapshotsOf(image)[1]!.SnapshotId)}/content`);
    assert.equal(torn.content, 'web-1 uploads: 1204 files\u0000torn');
    await cloud.ask('DeleteImages', { ImageIds: [ImageId], DeleteBindedSnap: true });
    assert.equal((await cloud.ask('DescribeSnapshotOverview')).TotalNums, 0);
  });

  test('are refused with the code of the reason', async (t) => {
    const cloud = new Cloud((await simulatorFor(t, { durations: { stop: 360_000 } })).port);
    const create = (more: object): Record<string, unknown> => ({ ImageName: 'n', ...more });
    await cloud.refused('InvalidParameter.SpecifyOneParameter', 'CreateImage', create({}));
    await cloud.refused(
      'InvalidParameterConflict',
      'CreateImage',
      create({ InstanceId: web, SnapshotIds: ['snap-00000000'] }),
    );
    await cloud.refused(
      'InvalidParameter.InvalidDependence',
      'CreateImage',
      create({ SnapshotIds: ['snap-00000000'], DataDiskIds: ['disk-webdata1'] }),
    );
    await cloud.refused('InvalidParameter.SnapshotNotFound', 'CreateImage', create({ SnapshotIds: ['snap-00000000'] }));
    await cloud.refused('InvalidInstanceId.NotFound', 'CreateImage', create({ InstanceId: 'ins-00000000' }));
    await cloud.refused('InvalidParameterValue.TooLarge', 'CreateImage', {
      ImageName: 'x'.repeat(61),
      InstanceId: web,
    });
    await cloud.refused(
      'InvalidParameter.DataDiskIdContainsRootDisk',
      'CreateImage',
      create({ InstanceId: web, DataDiskIds: ['disk-websys01'] }),
    );
    await cloud.refused(
      'InvalidParameter.DataDiskNotBelongSpecifiedInstance',
      'CreateImage',
      create({ InstanceId: web, DataDiskIds: ['disk-windata1'] }),
    );
    await cloud.refused(
      'InvalidParameter.LocalDataDiskNotSupport',
      'CreateImage',
      create({ InstanceId: 'ins-lds00001', DataDiskIds: ['disk-ldsdata1'] }),
    );
    await cloud.refused(
      'UnsupportedOperation.EncryptedImagesNotSupported',
      'CreateImage',
      create({ InstanceId: 'ins-enc00001' }),
    );
    await cloud.refused(
      'UnsupportedOperation.StoppedModeStopCharging',
      'CreateImage',
      create({ InstanceId: 'ins-bat00001' }),
    );
    await cloud.refused('InvalidInstance.NotSupported', 'CreateImage', create({ InstanceId: web, Sysprep: 'true' }));
    for (const maybe of [{ ForcePoweroff: 'maybe' }, { Sysprep: '1' }])
      await cloud.refused('InvalidParameterValue', 'CreateImage', create({ InstanceId: web, DryRun: true, ...maybe }));
    await cloud.ask('CreateImage', create({ InstanceId: web, DryRun: true, ForcePoweroff: 'fALSE', Sysprep: '' }));
    assert.deepEqual(
      Object.keys(await cloud.ask('CreateImage', create({ InstanceId: 'ins-lss00001', DryRun: true }))),
      ['RequestId'],
    );
    await cloud.ask('StopInstances', { InstanceIds: [web] });
    await cloud.refused('UnsupportedOperation.InstanceStateStopping', 'CreateImage', create({ InstanceId: web }));
  });

  test('count against the quota while they are being made', async (t) => {
    const { simulator } = await simulatorWithClock(t);
    const cloud = new Cloud(simulator.port);
    assert.equal((await cloud.ask('DescribeImageQuota')).ImageNumQuota, 10);
    simulator.seed({
      imageQuota: { 'ap-guangzhou': 2 },
      images: [{ region: 'ap-guangzhou', name: 'old', family: 'f' }],
    });
    await cloud.ask('CreateImage', { ImageName: 'a', InstanceId: web });
    await cloud.refused('ImageQuotaLimitExceeded', 'CreateImage', { ImageName: 'b', InstanceId: 'ins-web00002' });
    await cloud.ask('DescribeAccountQuota');
  });

  test('can be made of snapshots, which are bound then', async (t) => {
    const simulator = await simulatorFor(t);
    const cloud = new Cloud(simulator.port);
    const snap = async (disk: string, usage?: string): Promise<string> =>
      String(
        (await cloud.ask('CreateSnapshot', { DiskId: disk, ...(usage === undefined ? {} : { DiskUsage: usage }) }))
          .SnapshotId,
      );
    const [system, data] = [await snap('disk-apisys01'), await snap('disk-apidata1')];
    await cloud.snapshotDone(system);
    await cloud.snapshotDone(data);
    await cloud.refused('InvalidParameter.SystemSnapshotNotFound', 'CreateImage', {
      ImageName: 'n',
      SnapshotIds: [data],
    });
    const second = await snap('disk-apisys01');
    await cloud.snapshotDone(second);
    await cloud.refused('InvalidParameter.DuplicateSystemSnapshots', 'CreateImage', {
      ImageName: 'n',
      SnapshotIds: [system, second],
    });
    const { ImageId } = await cloud.ask('CreateImage', { ImageName: 'n', SnapshotIds: [data, system] });
    const image = await cloud.imageDone(String(ImageId));
    assert.deepEqual(
      snapshotsOf(image).map((part) => part.SnapshotId),
      [system, data],
    );
    await cloud.refused('UnsupportedOperation.SnapshotHasBindedImage', 'DeleteSnapshots', {
      SnapshotIds: [second, data],
    });
    assert.equal((await cloud.snapshot(second)).SnapshotState, 'NORMAL');
    await cloud.ask('DeleteSnapshots', { SnapshotIds: [data], DeleteBindImages: true });
    assert.equal((await cloud.ask('DescribeImages', { ImageIds: [ImageId] })).TotalCount, 0);
  });

  test('ForcePoweroff stops first, and what is imaged is whole', async (t) => {
    for (const restarts of [false, true]) {
      const simulator = await simulatorFor(t, { switches: { forcePoweroffRestarts: restarts } });
      const cloud = new Cloud(simulator.port);
      const { ImageId } = await cloud.ask('CreateImage', { ImageName: 'n', InstanceId: web, ForcePoweroff: 'TRUE' });
      const image = await cloud.imageDone(String(ImageId));
      await cloud.settled(web, restarts ? 'RUNNING' : 'STOPPED');
      const answer = await control(
        simulator.url,
        'GET',
        `/snapshots/${String(snapshotsOf(image)[0]!.SnapshotId)}/content`,
      );
      assert.equal(answer.content, 'web-1 system: nginx 1.26, app 4.2\nlisten 8080 200 web-1: app 4.2');
    }
  });

  test('the source may be let go of at once, by a switch', async (t) => {
    const { simulator } = await simulatorWithClock(t, { switches: { createImageKeepsInstanceBusy: false } });
    const cloud = new Cloud(simulator.port);
    const { ImageId } = await cloud.ask('CreateImage', { ImageName: 'n', InstanceId: 'ins-api00001' });
    await cloud.ask('StartInstances', { InstanceIds: ['ins-api00001'] });
    assert.equal((await cloud.image(String(ImageId))).ImageState, 'CREATING');
  });

  test('are found by part of the name, and shared with other accounts', async (t) => {
    const simulator = await simulatorFor(t);
    const cloud = new Cloud(simulator.port);
    const other = cloud.in('ap-guangzhou', otherKey);
    simulator.seed({
      images: [
        { region: 'ap-guangzhou', id: 'img-one00001', name: 'app-1' },
        { region: 'ap-guangzhou', name: 'app-10' },
      ],
    });
    const named = await cloud.rows('DescribeImages', 'ImageSet', {
      Filters: [{ Name: 'image-name', Values: ['app-1'] }],
    });
    assert.deepEqual(named.map((image) => image.ImageName).sort(), ['app-1', 'app-10']);
    const share = (permission: string, account: string): Record<string, unknown> => ({
      ImageId: 'img-one00001',
      AccountIds: [account],
      Permission: permission,
    });
    await cloud.refused(
      'FailedOperation.AccountIsYourSelf',
      'ModifyImageSharePermission',
      share('SHARE', '100000000001'),
    );
    await cloud.refused('InvalidAccountId.NotFound', 'ModifyImageSharePermission', share('SHARE', '999'));
    await other.refused('InvalidImageId.NotFound', 'DeleteImages', { ImageIds: ['img-one00001'] });
    await cloud.ask('ModifyImageSharePermission', share('SHARE', '100000000002'));
    await cloud.refused(
      'FailedOperation.AccountAlreadyExists',
      'ModifyImageSharePermission',
      share('SHARE', '100000000002'),
    );
    assert.equal((await other.image('img-one00001')).ImageType, 'SHARED_IMAGE');
    await other.refused('InvalidParameterValue.InvalidImageIdIsShared', 'DeleteImages', { ImageIds: ['img-one00001'] });
    await other.refused('UnsupportedOperation.SharedImageModifyUnsupported', 'ModifyImageAttribute', {
      ImageId: 'img-one00001',
      ImageName: 'x',
    });
    await cloud.refused('InvalidImageId.InShared', 'DeleteImages', { ImageIds: ['img-one00001'] });
    assert.equal(
      ((await cloud.ask('DescribeImageSharePermission', { ImageId: 'img-one00001' })).SharePermissionSet as Row[])
        .length,
      1,
    );
    await cloud.ask('ModifyImageSharePermission', share('CANCEL', '100000000002'));
    await cloud.ask('ModifyImageAttribute', { ImageId: 'img-one00001', ImageName: 'app-2', ImageDeprecated: true });
    await cloud.refused('InvalidImageName.Duplicate', 'ModifyImageAttribute', {
      ImageId: 'img-one00001',
      ImageName: 'app-10',
    });
    await cloud.ask('DeleteImages', { ImageIds: ['img-one00001'] });
    await cloud.refused('InvalidParameterValue.InvalidImageId', 'DeleteImages', { ImageIds: ['img-ubuntu24'] });
  });

  test('are copied to other regions', async (t) => {
    const simulator = await simulatorFor(t);
    const cloud = new Cloud(simulator.port);
    simulator.seed({ images: [{ region: 'ap-guangzhou', id: 'img-one00001', name: 'app', content: 'app 7' }] });
    const sync = { ImageIds: ['img-one00001'], DestinationRegions: ['ap-singapore'], ImageSetRequired: true };
    await stopClock(simulator.url);
    const [copy] = (await cloud.ask('SyncImages', sync)).ImageSet as Row[];
    const there = cloud.in('ap-singapore');
    assert.equal((await there.image(String(copy!.ImageId))).ImageState, 'SYNCING');
    await advance(simulator.url, 1800);
    const done = await there.imageDone(String(copy!.ImageId));
    const answer = await control(
      simulator.url,
      'GET',
      `/snapshots/${String(snapshotsOf(done)[0]!.SnapshotId)}/content`,
    );
    assert.equal(answer.content, 'app 7');
    await cloud.refused('InvalidImageName.Duplicate', 'SyncImages', sync);
    const long = { ...sync, ImageName: 'x'.repeat(61) };
    await cloud.refused('InvalidParameterValue.LimitExceeded', 'SyncImages', long);
    await until('snapshot NORMAL', async () =>
      (await there.rows('DescribeSnapshots', 'SnapshotSet'))[0]!.SnapshotState === 'NORMAL' ? true : undefined,
    );
  });
});
