import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo } from 'node:net';
import { describe, test, type TestContext } from 'node:test';
import { advance, Cloud, control, type Fields, type Row, simulatorFor, stopClock, until } from './support';

const web = 'ins-web00001';

/** A server that does something while the cloud waits for it. */
async function hookServer(t: TestContext, act: (told: Row) => Promise<void>): Promise<string> {
  const server = createServer((request, response) => {
    void (async () => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      await act(JSON.parse(Buffer.concat(chunks).toString()) as Row);
      response.end();
    })();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

describe('hooks', { concurrency: true }, () => {
  test('are called before the nth call is applied, and after it', async (t) => {
    const simulator = await simulatorFor(t);
    await stopClock(simulator.url);
    const cloud = new Cloud(simulator.port);
    const states: unknown[] = [];
    const url = await hookServer(t, async (told) => {
      assert.deepEqual([told.action, told.params], ['StopInstances', { InstanceIds: [web] }]);
      states.push(told.when, (await cloud.instance(web)).InstanceState);
    });
    const hook = { action: 'StopInstances', kind: 'hook', nth: 2, url };
    const { id } = await control(simulator.url, 'POST', '/faults', hook);
    await control(simulator.url, 'POST', '/faults', { ...hook, nth: 1, when: 'after', match: { InstanceId: web } });
    await cloud.ask('StopInstances', { InstanceIds: ['ins-web00002'] });
    assert.deepEqual(states, []);
    await cloud.ask('StopInstances', { InstanceIds: [web] });
    assert.deepEqual(states, ['before', 'RUNNING', 'after', 'STOPPING']);
    const [, call] = simulator.calls({ action: 'StopInstances' });
    assert.ok(call!.faults.includes(String(id)));
  });

  test('that cannot be reached hold up nobody', async (t) => {
    const simulator = await simulatorFor(t);
    simulator.arm({ action: 'DescribeImages', kind: 'hook', url: 'http://127.0.0.1:9/' });
    await new Cloud(simulator.port).ask('DescribeImages');
  });
});

describe('pauses', { concurrency: true }, () => {
  test('hold a call until it is released, before or after it is applied', async (t) => {
    const simulator = await simulatorFor(t);
    await stopClock(simulator.url);
    const cloud = new Cloud(simulator.port);
    const waiting = async (id: unknown): Promise<number | undefined> => {
      const fault = await control(simulator.url, 'GET', `/faults/${String(id)}`);
      return fault.waiting === 1 ? 1 : undefined;
    };
    const pause = { action: 'StopInstances', kind: 'pause' } as const;
    const before = await control(simulator.url, 'POST', '/faults', { ...pause });
    const first = cloud.ask('StopInstances', { InstanceIds: [web] });
    await until('waiting', () => waiting(before.id));
    assert.equal((await cloud.instance(web)).InstanceState, 'RUNNING');
    assert.deepEqual(await control(simulator.url, 'POST', `/faults/${String(before.id)}/release`), { released: 1 });
    await first;

    const after = await control(simulator.url, 'POST', '/faults', { ...pause, when: 'after' });
    let answered = false;
    const second = cloud.ask('StopInstances', { InstanceIds: ['ins-web00002'] }).then(() => (answered = true));
    await until('waiting', () => waiting(after.id));
    assert.equal((await cloud.instance('ins-web00002')).InstanceState, 'STOPPING');
    assert.equal(answered, false);
    // Disarming lets go too.
    await control(simulator.url, 'DELETE', `/faults/${String(after.id)}`);
    await second;
  });

  test('hold nothing any more when they disarm themselves, or after a reset', async (t) => {
    const simulator = await simulatorFor(t);
    const cloud = new Cloud(simulator.port);
    const pause = { action: 'DescribeImages', kind: 'pause' } as const;
    const outage = simulator.arm({ ...pause, lasts: 300 });
    await cloud.ask('DescribeImages');
    assert.deepEqual(simulator.calls({ action: 'DescribeImages' }).at(-1)!.faults, [outage.id]);

    const endless = simulator.arm(pause);
    const held = cloud.ask('DescribeImages');
    await until('waiting', async () => {
      const { waiting } = await control(simulator.url, 'GET', `/faults/${endless.id}`);
      return waiting === 1 ? true : undefined;
    });
    await control(simulator.url, 'POST', '/reset');
    await held;
  });
});

describe('lag', { concurrency: true }, () => {
  test('shows for a while what was before the call: states, deletions, new things', async (t) => {
    const simulator = await simulatorFor(t, { speed: 1 });
    const cloud = new Cloud(simulator.port);
    await stopClock(simulator.url);
    for (const action of ['StopInstances', 'DeleteImages', 'CreateSnapshot'])
      simulator.arm({ action, kind: 'write-lag', milliseconds: 10_000 });
    simulator.seed({ images: [{ region: 'ap-guangzhou', name: 'old', id: 'img-old00001' }] });
    await cloud.ask('StopInstances', { InstanceIds: [web] });
    await cloud.ask('DeleteImages', { ImageIds: ['img-old00001'] });
    const { SnapshotId } = await cloud.ask('CreateSnapshot', { DiskId: 'disk-apidata1' });
    const seen = async (): Promise<unknown[]> => [
      (await cloud.instance(web)).InstanceState,
      (await cloud.ask('DescribeImages', { ImageIds: ['img-old00001'] })).TotalCount,
      (await cloud.ask('DescribeImages', { Filters: [{ Name: 'image-name', Values: ['old'] }] })).TotalCount,
      (await cloud.ask('DescribeSnapshots', { SnapshotIds: [SnapshotId] })).TotalCount,
    ];
    assert.deepEqual(await seen(), ['RUNNING', 1, 1, 0]);
    // Only describes lag: the calls themselves know.
    await cloud.refused('UnsupportedOperation.InstanceStateStopping', 'StopInstances', { InstanceIds: [web] });
    await cloud.refused('InvalidImageId.NotFound', 'DeleteImages', { ImageIds: ['img-old00001'] });
    await advance(simulator.url, 10);
    assert.deepEqual(await seen(), ['STOPPING', 0, 0, 1]);
  });

  test('of one thing does not hide another: tags lag, and the state shows', async (t) => {
    const simulator = await simulatorFor(t, { speed: 1 });
    const cloud = new Cloud(simulator.port);
    await stopClock(simulator.url);
    simulator.arm({ action: 'TagResources', kind: 'write-lag', milliseconds: 10_000 });
    await cloud.ask('TagResources', {
      ResourceList: [`qcs::cvm:ap-guangzhou:uin/100000000001:instance/${web}`],
      Tags: [{ TagKey: 'late', TagValue: 'yes' }],
    });
    await cloud.ask('StopInstances', { InstanceIds: [web] });
    const seen = async () => {
      const { InstanceState, Tags } = await cloud.instance(web);
      return [InstanceState, (Tags as { Key: string }[]).some(({ Key }) => Key === 'late')];
    };
    assert.deepEqual(await seen(), ['STOPPING', false]);
    await advance(simulator.url, 10);
    assert.deepEqual(await seen(), ['STOPPING', true]);
  });

  test('as a switch, on every call', async (t) => {
    const simulator = await simulatorFor(t, { speed: 1, switches: { describeLag: 5000 } });
    const cloud = new Cloud(simulator.port);
    await stopClock(simulator.url);
    await cloud.ask('StopInstances', { InstanceIds: [web] });
    assert.equal((await cloud.instance(web)).InstanceState, 'RUNNING');
    await advance(simulator.url, 5);
    assert.equal((await cloud.instance(web)).InstanceState, 'STOPPING');
  });
});

describe('lag of a cloud whose clock is held', { concurrency: true }, () => {
  test('is over when the clock is put forward to it, and hides networks too', async (t) => {
    const simulator = await simulatorFor(t, { speed: 1 });
    const cloud = new Cloud(simulator.port);
    await stopClock(simulator.url);
    simulator.arm({ action: 'CreateVpc', kind: 'describe-lag', milliseconds: 10_000 });
    simulator.arm({ action: 'DeleteSecurityGroup', kind: 'write-lag', milliseconds: 20_000 });
    const { SecurityGroup } = await cloud.ask('CreateSecurityGroup', { GroupName: 'n', GroupDescription: '' });
    const { SecurityGroupId } = SecurityGroup as Row;
    await cloud.ask('DeleteSecurityGroup', { SecurityGroupId });
    const { Vpc } = await cloud.ask('CreateVpc', { VpcName: 'n', CidrBlock: '10.77.0.0/16' });
    const seen = async (): Promise<unknown[]> => [
      (await cloud.ask('DescribeVpcs', { VpcIds: [(Vpc as Row).VpcId] })).TotalCount,
      (await cloud.ask('DescribeSecurityGroups', { SecurityGroupIds: [SecurityGroupId] })).TotalCount,
    ];
    assert.deepEqual(await seen(), [0, 1]);
    await advance(simulator.url, 'next');
    assert.deepEqual(await seen(), [1, 1]);
    await advance(simulator.url, 'next');
    assert.deepEqual(await seen(), [1, 0]);
  });
});

describe('someone else', { concurrency: true }, () => {
  const meddle = (interference: Fields, more: Fields = {}): Fields => ({
    action: 'CreateImage',
    kind: 'interfere',
    interference,
    ...more,
  });

  test('acts just before a call is applied, or just after', async (t) => {
    const simulator = await simulatorFor(t);
    const cloud = new Cloud(simulator.port);
    await control(simulator.url, 'POST', '/faults', meddle({ act: 'terminate-instance', id: 'ins-api00001' }));
    const request = { ImageName: 'n', InstanceId: 'ins-api00001' };
    await cloud.refused('InvalidInstanceId.NotFound', 'CreateImage', request);
    await control(simulator.url, 'POST', '/faults', meddle({ act: 'stop-instance', id: web }, { when: 'after' }));
    await cloud.ask('CreateImage', { ImageName: 'm', InstanceId: web });
    assert.equal((await cloud.instance(web)).InstanceState, 'STOPPED');
  });

  test('can do all sorts of things', async (t) => {
    const simulator = await simulatorFor(t);
    await stopClock(simulator.url);
    const cloud = new Cloud(simulator.port);
    const act = async (given: Fields): Promise<unknown> => control(simulator.url, 'POST', '/interfere', given);
    await act({ act: 'busy-instance', id: web, seconds: 30 });
    await cloud.refused('OperationDenied.InstanceOperationInProgress', 'StopInstances', { InstanceIds: [web] });
    await advance(simulator.url, 30);
    await cloud.ask('StopInstances', { InstanceIds: [web] });
    await act({ act: 'resize-disk', id: 'disk-webdata1', size: 300 });
    await act({ act: 'detach-disk', id: 'disk-webdata2' });
    const [grown] = await cloud.rows('DescribeDisks', 'DiskSet', { DiskIds: ['disk-webdata1'] });
    const [loose] = await cloud.rows('DescribeDisks', 'DiskSet', { DiskIds: ['disk-webdata2'] });
    assert.deepEqual([grown!.DiskSize, loose!.DiskState], [300, 'UNATTACHED']);
    await act({ act: 'rename-image', id: 'img-shared01', name: 'other name' });
    assert.equal((await cloud.image('img-shared01')).ImageName, 'other name');
    await assert.rejects(act({ act: 'dance' }), /unknown act "dance": use/);
    await assert.rejects(control(simulator.url, 'POST', '/faults', meddle({ act: 'dance' })), /unknown act/);
  });

  test('who deletes an image in the making lets go of its source', async (t) => {
    const simulator = await simulatorFor(t);
    const cloud = new Cloud(simulator.port);
    const source = 'ins-api00001';
    await stopClock(simulator.url);
    const { ImageId } = await cloud.ask('CreateImage', { ImageName: 'n', InstanceId: source });
    await cloud.refused('OperationDenied.InstanceOperationInProgress', 'StartInstances', { InstanceIds: [source] });
    await control(simulator.url, 'POST', '/interfere', { act: 'delete-image', id: ImageId });
    assert.equal((await cloud.ask('DescribeImages', { ImageIds: [ImageId] })).TotalCount, 0);
    assert.equal((await cloud.instance(source)).LatestOperationState, 'FAILED');
    await cloud.ask('StartInstances', { InstanceIds: [source] });
  });

  test('revokes a key, and restores it', async (t) => {
    const simulator = await simulatorFor(t);
    const cloud = new Cloud(simulator.port);
    await control(simulator.url, 'POST', '/interfere', { act: 'revoke-key', id: 'AKIDsimulator' });
    await cloud.refused('AuthFailure.SecretIdNotFound', 'DescribeImages');
    await control(simulator.url, 'POST', '/interfere', { act: 'restore-key', id: 'AKIDsimulator' });
    await cloud.ask('DescribeImages');
  });
});

describe('outages', { concurrency: true }, () => {
  test('of a service, or of all of them, for a time', async (t) => {
    const simulator = await simulatorFor(t);
    const cloud = new Cloud(simulator.port);
    const status = async (action: string): Promise<number> => (await cloud.send(action, {})).status;
    const outage = { kind: 'http-502', service: 'cbs', lasts: 60_000 } as const;
    const { id } = simulator.arm(outage);
    assert.deepEqual([await status('DescribeDisks'), await status('DescribeSnapshots')], [502, 502]);
    assert.equal(await status('DescribeImages'), 200);
    await control(simulator.url, 'DELETE', `/faults/${id}`);
    const all = simulator.arm({ kind: 'request-lost', lasts: 300 });
    await assert.rejects(cloud.ask('DescribeImages'));
    await until('the end of the outage', async () => cloud.ask('DescribeDisks').catch(() => undefined));
    assert.ok(!simulator.faults().some((fault) => fault.id === all.id), 'it disarms itself');
  });
});
