import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { startSimulator } from '../../simulator/index';
import { publishedRate } from '../../simulator/wire/rates';
import { Cloud, control, type Row, simulatorFor, simulatorWithClock } from './support';

describe('requests', { concurrency: true }, () => {
  test('are checked against the description of the action', async (t) => {
    const cloud = new Cloud((await simulatorFor(t)).port);
    await cloud.refused('UnknownParameter', 'DescribeInstances', { Nonsense: 1 });
    await cloud.refused('UnknownParameter', 'DescribeInstances', {
      Filters: [{ Name: 'zone', Values: ['x'], More: 1 }],
    });
    await cloud.refused('MissingParameter', 'StopInstances');
    await cloud.refused('MissingParameter', 'DescribeInstances', { Filters: [{ Name: 'zone' }] });
    await cloud.refused('InvalidParameter', 'DescribeInstances', { Limit: '5' });
    await cloud.refused('InvalidParameter', 'DescribeInstances', { InstanceIds: 'ins-web00001' });
    await cloud.refused('InvalidParameterValue', 'DescribeImages', { Offset: -1 });
    await cloud.ask('DescribeInstances', { Limit: null });
  });

  test('go to actions, versions and regions that exist', async (t) => {
    const cloud = new Cloud((await simulatorFor(t)).port);
    await cloud.refused('InvalidAction', 'Frobnicate');
    await cloud.refused('NoSuchVersion', 'DescribeZones', {}, { version: '2016-01-01' });
    await cloud.refused('MissingParameter', 'DescribeZones', {}, { version: '' });
    await cloud.refused('UnsupportedRegion', 'DescribeZones', {}, { region: 'ap-atlantis' });
    await cloud.refused('MissingParameter', 'DescribeZones', {}, { region: '' });
    await cloud.refused('InvalidAction', 'ExportImages', { BucketName: 'b' });
    await cloud.ask('DescribeRegions', {}, { region: '' });
  });

  test('are limited to the published rate, for each action and region', async (t) => {
    // All within the same second, however slow the machine is.
    const { clock, simulator } = await simulatorWithClock(t, { rateScale: 1 });
    const cloud = new Cloud(simulator.port);
    const outcomes = await Promise.all(
      Array.from({ length: 60 }, () =>
        cloud.ask('DescribeInstances').then(
          () => 'OK',
          (error: unknown) => String(error),
        ),
      ),
    );
    const limited = outcomes.filter((outcome) => outcome !== 'OK');
    assert.equal(limited.length, 20);
    assert.match(
      limited[0]!,
      /RequestLimitExceeded: Your current request times equals to `41` in a second, which exceeds the frequency limit `40`/,
    );
    await cloud.ask('DescribeInstancesStatus');
    await cloud.in('ap-singapore').ask('DescribeInstances');
    clock.pass(1);
    await cloud.ask('DescribeInstances');
    assert.deepEqual(
      ['DescribeZoneInstanceConfigInfos', 'DescribeImages', 'DescribeZones', 'CreateImage'].map((action) =>
        publishedRate('cvm', action),
      ),
      [40, 40, 20, 10],
    );
  });

  test('are logged with what they concern', async (t) => {
    const simulator = await simulatorFor(t, { durations: { stop: 360_000 } });
    const cloud = new Cloud(simulator.port);
    const { RequestId } = await cloud.ask('StopInstances', { InstanceIds: ['ins-web00001'] });
    await cloud.refused('UnsupportedOperation.InstanceStateStopping', 'StopInstances', {
      InstanceIds: ['ins-web00001'],
    });
    const { calls } = (await control(simulator.url, 'GET', '/calls?action=StopInstances&region=ap-guangzhou')) as {
      calls: Row[];
    };
    assert.deepEqual(
      calls.map((call) => call.outcome),
      ['OK', 'UnsupportedOperation.InstanceStateStopping'],
    );
    assert.equal(calls[0]!.requestId, RequestId);
    assert.deepEqual(calls[0]!.resources, ['ins-web00001']);
    assert.equal(calls[0]!.account, '100000000001');
    assert.equal(simulator.calls({ since: '2999-01-01' }).length, 0);
  });

  test('filter and page', async (t) => {
    const simulator = await simulatorFor(t);
    const cloud = new Cloud(simulator.port, 'ap-seoul');
    simulator.seed({
      instances: Array.from({ length: 5 }, (_, index) => ({
        region: 'ap-seoul',
        name: `n-${index}`,
        tags: { row: index < 2 ? 'a' : 'b' },
      })),
    });
    const first = await cloud.ask('DescribeInstances', { Limit: 2, Offset: 4 });
    assert.equal(first.TotalCount, 5);
    assert.equal((first.InstanceSet as Row[]).length, 1);
    const count = async (...filters: Row[]): Promise<unknown> =>
      (await cloud.ask('DescribeInstances', { Filters: filters })).TotalCount;
    assert.equal(await count({ Name: 'tag:row', Values: ['a'] }), 2);
    assert.equal(await count({ Name: 'tag:row', Values: ['a', 'b'] }, { Name: 'instance-name', Values: ['n-4'] }), 1);
    await cloud.refused('InvalidFilter', 'DescribeInstances', { Filters: [{ Name: 'colour', Values: ['red'] }] });
    await cloud.refused('InvalidFilterValue.LimitExceeded', 'DescribeInstances', {
      Filters: [{ Name: 'zone', Values: ['1', '2', '3', '4', '5', '6'] }],
    });
    await cloud.refused('InvalidInstanceId.Malformed', 'DescribeInstances', { InstanceIds: ['i-123'] });
    assert.equal((await cloud.ask('DescribeInstances', { InstanceIds: ['ins-00000000'] })).TotalCount, 0);
    await cloud.refused('InvalidParameterValue.LimitExceeded', 'DescribeInstances', { Limit: 101 });
  });

  test('find tags by the keys that a resource has, not by those that every object has', async (t) => {
    const cloud = new Cloud((await simulatorFor(t)).port);
    for (const [action, set] of [
      ['DescribeInstances', 'InstanceSet'],
      ['DescribeImages', 'ImageSet'],
    ] as const) {
      const Filters = [{ Name: 'tag-key', Values: ['toString', 'constructor', '__proto__'] }];
      assert.deepEqual(await cloud.rows(action, set, { Filters }), []);
    }
  });

  test('stay fast among thousands of resources', async (t) => {
    const simulator = await simulatorFor(t);
    /** Milliseconds of the processor for a page of instances, client included: the best of many, so that a busy machine does not decide. */
    const costAmong = async (region: string, instances: number): Promise<number> => {
      simulator.seed({ instances: Array.from({ length: instances }, () => ({ region, dataDisks: 1 })) });
      const cloud = new Cloud(simulator.port, region);
      const times: number[] = [];
      for (let round = 0; round < 60; round++) {
        const began = process.cpuUsage();
        await cloud.send('DescribeInstances', {});
        const { user, system } = process.cpuUsage(began);
        times.push((user + system) / 1000);
      }
      return Math.min(...times);
    };
    const [few, many] = [await costAmong('ap-seoul', 100), await costAmong('ap-tokyo', 3000)];
    t.diagnostic(`${few} ms among 100, ${many} ms among 3000`);
    // Thirty times as many: what renders or copies all of them for a page shows.
    assert.ok(many < 10 * few, `${many} ms among 3000 instances, ${few} ms among 100`);
  });

  test('a simulator keeps to loopback', async () => {
    await assert.rejects(startSimulator({ host: '0.0.0.0' }), /loopback/);
  });
});
