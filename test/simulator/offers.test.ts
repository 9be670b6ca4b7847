import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Cloud, type Fields, type Row, simulatorFor } from './support';

const launch: Fields = { ImageId: 'img-ubuntu24', Placement: { Zone: 'ap-guangzhou-3' } };

describe('what the cloud offers', { concurrency: true }, () => {
  test('a price grows with what is asked for', async (t) => {
    const simulator = await simulatorFor(t);
    const cloud = new Cloud(simulator.port);
    const price = async (params: Fields): Promise<Row> => {
      const { Price } = await cloud.ask('InquiryPriceRunInstances', { ...launch, ...params });
      return (Price as Row).InstancePrice as Row;
    };
    const one = await price({ InstanceType: 'S5.MEDIUM4' });
    assert.equal(one.ChargeUnit, 'HOUR');
    const dearer = [{ InstanceType: 'S5.LARGE8' }, { InstanceCount: 2 }, { DataDisks: [{ DiskSize: 500 }] }];
    for (const params of dearer) assert.ok(Number((await price(params)).UnitPrice) > Number(one.UnitPrice));
    const months = await price({ InstanceChargeType: 'PREPAID', InstanceChargePrepaid: { Period: 12 } });
    assert.ok(Number(months.DiscountPrice) < Number(months.OriginalPrice));
    await cloud.refused('InvalidParameterValue.Range', 'InquiryPriceRunInstances', { ...launch, InstanceCount: 101 });
    await cloud.refused('InvalidImageId.NotFound', 'InquiryPriceRunInstances', { ...launch, ImageId: 'img-00000000' });
    assert.equal((await cloud.ask('DescribeInstances', { Filters: [] })).TotalCount, 10, 'nothing is launched');
  });

  test('types with stock and price, filtered and sorted', async (t) => {
    const simulator = await simulatorFor(t);
    const cloud = new Cloud(simulator.port);
    const filters = (more: Fields[] = []): Fields => ({
      Filters: [
        { Name: 'zone', Values: ['ap-guangzhou-3'] },
        { Name: 'instance-family', Values: ['S5'] },
        { Name: 'instance-charge-type', Values: ['POSTPAID_BY_HOUR'] },
        ...more,
      ],
    });
    const rows = await cloud.rows(
      'DescribeZoneInstanceConfigInfos',
      'InstanceTypeQuotaSet',
      filters([{ Name: 'sort-keys', Values: ['cpu:desc', 'mem:asc'] }]),
    );
    assert.equal(rows[0]!.InstanceType, 'S5.4XLARGE32');
    assert.ok(rows.every((row) => row.Status === 'SELL' && Number((row.Price as Row).UnitPrice) > 0));
    await cloud.refused('InvalidFilter', 'DescribeZoneInstanceConfigInfos', filters([{ Name: 'x', Values: ['1'] }]));
    await cloud.refused(
      'InvalidFilter',
      'DescribeZoneInstanceConfigInfos',
      filters([{ Name: 'sort-keys', Values: ['x'] }]),
    );
  });

  test('the image of a family is its youngest that is whole and not deprecated', async (t) => {
    const simulator = await simulatorFor(t, { durations: { image: 60 } });
    const cloud = new Cloud(simulator.port);
    const family = async (): Promise<unknown> => {
      const { Image } = await cloud.ask('DescribeImageFromFamily', { ImageFamily: 'web' });
      return (Image as Row | null)?.ImageId ?? null;
    };
    assert.equal(await family(), null);
    const make = async (name: string): Promise<string> => {
      const request = { ImageName: name, InstanceId: 'ins-api00001', ImageFamily: 'web' };
      const id = String((await cloud.ask('CreateImage', request)).ImageId);
      await cloud.imageDone(id);
      await cloud.settled('ins-api00001', 'STOPPED');
      return id;
    };
    const first = await make('web 1');
    const second = await make('web 2');
    assert.equal(await family(), second);
    await cloud.ask('ModifyImageAttribute', { ImageId: second, ImageDeprecated: true });
    assert.equal(await family(), first);
  });

  test('quotas of an account, and the one of instances', async (t) => {
    const simulator = await simulatorFor(t);
    simulator.seed({ instanceQuota: { 'ap-guangzhou': 10 } });
    const cloud = new Cloud(simulator.port);
    const quota = async (): Promise<Row> => {
      const params = { Filters: [{ Name: 'zone', Values: ['ap-guangzhou-3'] }] };
      const { AccountQuotaOverview } = await cloud.ask('DescribeAccountQuota', params);
      return (AccountQuotaOverview as { AccountQuota: Row }).AccountQuota;
    };
    const [postpaid] = (await quota()).PostPaidQuotaSet as Row[];
    assert.deepEqual(postpaid, { UsedQuota: 9, RemainingQuota: 1, TotalQuota: 10, Zone: 'ap-guangzhou-3' });
    await cloud.refused('LimitExceeded.InstanceQuota', 'RunInstances', { ...launch, InstanceCount: 2 });
    await cloud.ask('RunInstances', launch);
    await cloud.refused('LimitExceeded.InstanceQuota', 'RunInstances', launch);
    await cloud.ask('RunInstances', { ...launch, Placement: { Zone: 'ap-guangzhou-4' } });
    assert.deepEqual((await quota()).ImageQuotaSet, [{ UsedQuota: 0, TotalQuota: 10 }]);
  });
});
