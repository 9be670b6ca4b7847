import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { advance, Cloud, type Fields, otherKey, type Row, simulatorFor, stopClock } from './support';

const region = 'ap-guangzhou';
const launch: Fields = { ImageId: 'img-ubuntu24', Placement: { Zone: 'ap-guangzhou-3' } };

describe('rules of images', { concurrency: true }, () => {
  const seeded = [
    { region, name: 'a', id: 'img-aaaa0001' },
    { region, name: 'b', id: 'img-bbbb0001', sharedWith: ['100000000002'] },
    { region, name: 'c', id: 'img-cccc0001' },
  ];

  test('deleting several goes one by one, or all or nothing, as the switch says', async (t) => {
    for (const deleteImagesOneByOne of [true, false]) {
      const simulator = await simulatorFor(t, { switches: { deleteImagesOneByOne } });
      simulator.seed({ images: seeded });
      const cloud = new Cloud(simulator.port);
      const ImageIds = seeded.map((image) => image.id);
      await cloud.refused('InvalidImageId.InShared', 'DeleteImages', { ImageIds, DryRun: true });
      assert.equal((await cloud.ask('DescribeImages', { ImageIds })).TotalCount, 3);
      await cloud.refused('InvalidImageId.InShared', 'DeleteImages', { ImageIds });
      const left = await cloud.rows('DescribeImages', 'ImageSet', { ImageIds });
      assert.deepEqual(
        left.map((image) => image.ImageName).sort(),
        deleteImagesOneByOne ? ['b', 'c'] : ['a', 'b', 'c'],
      );
      const log = simulator.calls().filter(({ action }) => action === 'DeleteImages');
      assert.deepEqual(
        log.map(({ applied }) => applied),
        [false, deleteImagesOneByOne],
        'the log says whether something is gone',
      );
    }
  });

  test('lists are in no order, or newest first, and the same every time', async (t) => {
    const names = async (imagesInNoOrder: boolean): Promise<unknown[]> => {
      const simulator = await simulatorFor(t, { switches: { imagesInNoOrder } });
      const images = Array.from({ length: 9 }, (_, index) => ({
        region,
        name: `n${index}`,
        id: `img-order00${index}`,
      }));
      simulator.seed({ images });
      const cloud = new Cloud(simulator.port);
      const filter = { Filters: [{ Name: 'image-type', Values: ['PRIVATE_IMAGE'] }] };
      const ask = async (): Promise<unknown[]> =>
        (await cloud.rows('DescribeImages', 'ImageSet', filter)).map((row) => row.ImageName);
      assert.deepEqual(await ask(), await ask());
      return ask();
    };
    const sorted = Array.from({ length: 9 }, (_, index) => `n${8 - index}`);
    assert.deepEqual(await names(false), sorted);
    const lot = await names(true);
    assert.notDeepEqual(lot, sorted);
    assert.deepEqual([...lot].sort().reverse(), sorted);
  });

  test('an attribute changes only when the image is whole', async (t) => {
    const simulator = await simulatorFor(t);
    await stopClock(simulator.url);
    const cloud = new Cloud(simulator.port);
    const { ImageId } = await cloud.ask('CreateImage', { ImageName: 'n', InstanceId: 'ins-api00001' });
    const change = { ImageId, ImageDescription: 'later' };
    await cloud.refused('InvalidImageId.IncorrectState', 'ModifyImageAttribute', change);
    await advance(simulator.url, 1800);
    await cloud.refused('InvalidParameterValue.InvalidImageFamily', 'ModifyImageAttribute', {
      ImageId,
      ImageFamily: '-',
    });
    await cloud.ask('ModifyImageAttribute', change);
  });

  test('a copy belongs to the family of its source, or to none', async (t) => {
    for (const copiesKeepFamily of [true, false]) {
      const simulator = await simulatorFor(t, { switches: { copiesKeepFamily } });
      simulator.seed({ images: [{ region: 'ap-guangzhou', id: 'img-aaaa0009', name: 'web', family: 'web' }] });
      const cloud = new Cloud(simulator.port);
      const request = { ImageIds: ['img-aaaa0009'], DestinationRegions: ['ap-tokyo'], ImageSetRequired: true };
      const [copy] = (await cloud.ask('SyncImages', request)).ImageSet as Row[];
      const { ImageFamily } = await cloud.in('ap-tokyo').image(String(copy!.ImageId));
      assert.equal(ImageFamily, copiesKeepFamily ? 'web' : '');
    }
  });

  test('a copy shows as SYNCING on both sides, or on its own', async (t) => {
    for (const syncingShowsOnSource of [true, false]) {
      const simulator = await simulatorFor(t, { switches: { syncingShowsOnSource } });
      simulator.seed({ images: seeded });
      await stopClock(simulator.url);
      const cloud = new Cloud(simulator.port);
      const request = {
        ImageIds: ['img-aaaa0001'],
        DestinationRegions: ['ap-tokyo', 'ap-seoul'],
        ImageSetRequired: true,
      };
      const copies = (await cloud.ask('SyncImages', request)).ImageSet as Row[];
      assert.equal((await cloud.image('img-aaaa0001')).ImageState, syncingShowsOnSource ? 'SYNCING' : 'NORMAL');
      await advance(simulator.url, 1800);
      assert.equal((await cloud.image('img-aaaa0001')).ImageState, 'NORMAL');
      for (const copy of copies)
        assert.equal((await cloud.in(String(copy.Region)).image(String(copy.ImageId))).ImageState, 'NORMAL');
    }
  });

  test('a shared image is copied into its own region only; so is an encrypted copy', async (t) => {
    const simulator = await simulatorFor(t);
    simulator.seed({ images: seeded });
    const cloud = new Cloud(simulator.port);
    const theirs = cloud.in(region, otherKey);
    const copy = (destination: string, more: Fields = {}): Fields => ({
      ImageIds: ['img-bbbb0001'],
      DestinationRegions: [destination],
      ImageSetRequired: true,
      ...more,
    });
    await theirs.refused('InvalidParameterValue.InvalidRegion', 'SyncImages', copy('ap-tokyo'));
    const [mine] = (await theirs.ask('SyncImages', copy(region))).ImageSet as Row[];
    const row = await theirs.imageDone(String(mine!.ImageId));
    assert.deepEqual([row.ImageType, row.ImageName], ['PRIVATE_IMAGE', 'b']);
    // It is the receiver's own now: it stays when the share goes.
    const take = { ImageId: 'img-bbbb0001', AccountIds: ['100000000002'], Permission: 'CANCEL' };
    await cloud.ask('ModifyImageSharePermission', take);
    await theirs.ask('RunInstances', { ...launch, ImageId: mine!.ImageId });

    await cloud.refused('InvalidParameterValue.InvalidRegion', 'SyncImages', copy('ap-tokyo', { Encrypt: true }));
    const [locked] = (await cloud.ask('SyncImages', copy(region, { Encrypt: true, ImageName: 'locked' })))
      .ImageSet as Row[];
    await cloud.imageDone(String(locked!.ImageId));
    await cloud.refused('UnsupportedOperation.EncryptedImagesNotSupported', 'ModifyImageSharePermission', {
      ...take,
      ImageId: locked!.ImageId,
      Permission: 'SHARE',
    });
    await cloud.refused('InvalidParameterValue.InvalidImageId', 'SyncImages', {
      ...copy('ap-tokyo'),
      ImageIds: ['img-ubuntu24'],
    });
  });

  test('the border can be closed to copies', async (t) => {
    const simulator = await simulatorFor(t, { switches: { copiesCrossBorder: false } });
    simulator.seed({ images: seeded });
    const cloud = new Cloud(simulator.port);
    const request = { ImageIds: ['img-aaaa0001'], DestinationRegions: ['ap-tokyo'] };
    await cloud.refused('InvalidRegion.Unavailable', 'SyncImages', request);
    await cloud.ask('SyncImages', { ...request, DestinationRegions: ['ap-shanghai'] });
  });

  test('shares have a limit', async (t) => {
    const simulator = await simulatorFor(t, { switches: { imageShareLimit: 2 } });
    const uins = ['100000000003', '100000000004', '100000000005'];
    simulator.seed({ images: seeded, accounts: uins.map((uin) => ({ uin, keys: [] })) });
    const cloud = new Cloud(simulator.port);
    const share = (AccountIds: string[]): Fields => ({ ImageId: 'img-aaaa0001', AccountIds, Permission: 'SHARE' });
    await cloud.refused('OverQuota', 'ModifyImageSharePermission', share(uins));
    await cloud.ask('ModifyImageSharePermission', share(uins.slice(0, 2)));
    await cloud.refused('OverQuota', 'ModifyImageSharePermission', share(uins.slice(2)));
  });
});

describe('rules of instances and disks', { concurrency: true }, () => {
  test('names count up', async (t) => {
    const simulator = await simulatorFor(t);
    const cloud = new Cloud(simulator.port);
    const request = { ...launch, InstanceCount: 2, InstanceName: 'web-{R:9,F:3}', HostName: 'web{R:9}' };
    const { InstanceIdSet } = await cloud.ask('RunInstances', request);
    const rows = await Promise.all((InstanceIdSet as string[]).map((id) => cloud.instance(id)));
    assert.deepEqual(
      rows.map((row) => [row.InstanceName, row.HostName]),
      [
        ['web-009', 'web9'],
        ['web-010', 'web10'],
      ],
    );
    await cloud.refused('InvalidParameterValue.InvalidParameterMinCount', 'RunInstances', { ...request, MinCount: 3 });
  });

  test('a new host name reboots, unless that is refused; names have their limits', async (t) => {
    const simulator = await simulatorFor(t);
    await stopClock(simulator.url);
    const cloud = new Cloud(simulator.port);
    const change = (more: Fields): Fields => ({ InstanceIds: ['ins-web00001'], ...more });
    await cloud.ask('ModifyInstancesAttribute', change({ HostName: 'quiet', AutoReboot: false }));
    assert.equal((await cloud.instance('ins-web00001')).InstanceState, 'RUNNING');
    await cloud.ask('ModifyInstancesAttribute', change({ HostName: 'loud' }));
    assert.equal((await cloud.instance('ins-web00001')).InstanceState, 'REBOOTING');
    await advance(simulator.url, 90);
    const wrong: readonly (readonly [string, Fields])[] = [
      ['InvalidParameterValue.IllegalHostName', { HostName: '-x-' }],
      ['InvalidInstanceName.TooLong', { InstanceName: 'x'.repeat(61) }],
      ['InvalidParameterValue.InvalidUserDataFormat', { UserData: '%' }],
    ];
    for (const [code, fields] of wrong) await cloud.refused(code, 'ModifyInstancesAttribute', change(fields));
  });

  test('values of filters have forms', async (t) => {
    const simulator = await simulatorFor(t);
    const cloud = new Cloud(simulator.port);
    const filter = (Name: string, value: string): Fields => ({ Filters: [{ Name, Values: [value] }] });
    await cloud.refused(
      'InvalidParameterValue.InvalidTimeFormat',
      'DescribeInstances',
      filter('creation-start-time', 'noon'),
    );
    await cloud.refused(
      'InvalidParameterValue.IPAddressMalformed',
      'DescribeInstances',
      filter('private-ip-address', '10.0'),
    );
    await cloud.refused('InvalidParameterValue.VpcIdMalformed', 'DescribeInstances', filter('vpc-id', 'x'));
    const old = await cloud.ask('DescribeInstances', filter('creation-end-time', '2024-12-31 00:00:00'));
    assert.equal(old.TotalCount, 10);
  });

  test('a disk whose snapshot is being made stays; a busy instance takes no disks', async (t) => {
    const simulator = await simulatorFor(t);
    const cloud = new Cloud(simulator.port);
    const disk = { Placement: { Zone: 'ap-guangzhou-3' }, DiskType: 'CLOUD_PREMIUM', DiskSize: 20 };
    await cloud.refused('MissingParameter', 'CreateDisks', { ...disk, DiskChargeType: 'PREPAID' });
    await stopClock(simulator.url);
    const { DiskIdSet } = await cloud.ask('CreateDisks', { ...disk, DiskChargeType: 'POSTPAID_BY_HOUR' });
    await advance(simulator.url, 10);
    const DiskIds = DiskIdSet as string[];
    await cloud.ask('CreateSnapshot', { DiskId: DiskIds[0] });
    await cloud.refused('ResourceBusy', 'TerminateDisks', { DiskIds });
    await cloud.ask('StopInstances', { InstanceIds: ['ins-web00001'] });
    await cloud.refused('InvalidInstance.NotSupported', 'AttachDisks', { InstanceId: 'ins-web00001', DiskIds });
    await cloud.ask('CreateImage', { ImageName: 'n', InstanceId: 'ins-api00001' });
    await cloud.refused('ResourceBusy', 'AttachDisks', { InstanceId: 'ins-api00001', DiskIds });
  });
});
