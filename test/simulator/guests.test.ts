import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { type Simulator } from '../../simulator/index';
import { advance, Cloud, control, type Fields, type Row, simulatorFor, stopClock, until } from './support';

const api = 'ins-api00001';
const zone = { Zone: 'ap-guangzhou-3' };

/** What the address answers, or why it does not. */
async function visit(address: string, port: number): Promise<string> {
  try {
    const response = await fetch(`http://${address}:${port}/health`);
    return `${response.status} ${(await response.text()).trim()}`;
  } catch (error) {
    return String((error as { cause?: { code?: string } }).cause?.code);
  }
}

/** An image of the instance as it is, and an instance launched from it that has booted. */
async function launched(
  simulator: Simulator,
  instance: string,
  name: string,
): Promise<{ id: string; address: string }> {
  const cloud = new Cloud(simulator.port);
  const { ImageId } = await cloud.ask('CreateImage', { ImageName: name, InstanceId: instance });
  await cloud.imageDone(String(ImageId));
  const { InstanceIdSet } = await cloud.ask('RunInstances', { ImageId, Placement: zone });
  const id = (InstanceIdSet as string[])[0]!;
  const row = await cloud.settled(id, 'RUNNING');
  return { id, address: (row.PrivateIpAddresses as string[])[0]! };
}

async function write(simulator: Simulator, disk: string, content: string): Promise<Fields> {
  return control(simulator.url, 'PUT', `/disks/${disk}/content`, { content });
}

describe('guests', { concurrency: true }, () => {
  test('serve what their disk says, on an address of their own, while they run', async (t) => {
    const simulator = await simulatorFor(t, { listen: true, durations: { boot: 0 } });
    const cloud = new Cloud(simulator.port);
    await write(simulator, 'disk-apisys01', 'app 7\nlisten 8080 200 app 7 is up\nlisten 9090 503 not ready');
    const { id, address } = await launched(simulator, api, 'good');
    assert.match(address, /^127\./);
    await until('up', async () => ((await visit(address, 8080)) === '200 app 7 is up' ? true : undefined));
    assert.equal(await visit(address, 9090), '503 not ready');
    assert.equal(await visit(address, 8081), 'ECONNREFUSED');
    await cloud.ask('StopInstances', { InstanceIds: [id] });
    assert.equal(await visit(address, 8080), 'ECONNREFUSED');
    await cloud.settled(id, 'STOPPED');
    await cloud.ask('StartInstances', { InstanceIds: [id] });
    // Nobody asks the cloud anything meanwhile: the guest comes up by itself.
    await until('up again', async () => ((await visit(address, 8080)) === '200 app 7 is up' ? true : undefined));
    await cloud.settled(id, 'RUNNING');
    await cloud.ask('TerminateInstances', { InstanceIds: [id] });
    assert.equal(await visit(address, 8080), 'ECONNREFUSED');
  });

  test('of a bad or a torn image refuse the connection', async (t) => {
    const simulator = await simulatorFor(t, { listen: true, durations: { boot: 0 } });
    await write(simulator, 'disk-apisys01', 'the software is not installed');
    const bad = await launched(simulator, api, 'bad');
    await write(simulator, 'disk-websys01', 'listen 8080 200 up');
    const torn = await launched(simulator, 'ins-web00001', 'torn');
    for (const { id, address } of [bad, torn]) {
      await until('booted', async () => {
        const { regions } = (await control(simulator.url, 'GET', '/state?region=ap-guangzhou')) as {
          regions: Record<string, { instances: Row[] }>;
        };
        return regions['ap-guangzhou']!.instances.find((row) => row.id === id)!.booted === true ? true : undefined;
      });
      assert.equal(await visit(address, 8080), 'ECONNREFUSED');
    }
  });

  test('come up some time after RUNNING, and close with the simulator', async (t) => {
    const simulator = await simulatorFor(t, { listen: true, durations: { boot: 15 } });
    await write(simulator, 'disk-apisys01', 'listen 8080 200 up');
    const cloud = new Cloud(simulator.port);
    const { ImageId } = await cloud.ask('CreateImage', { ImageName: 'n', InstanceId: api });
    await cloud.imageDone(String(ImageId));
    await stopClock(simulator.url);
    const { InstanceIdSet } = await cloud.ask('RunInstances', { ImageId, Placement: zone });
    const id = (InstanceIdSet as string[])[0]!;
    while ((await cloud.instance(id)).InstanceState !== 'RUNNING') await advance(simulator.url);
    const [address] = (await cloud.instance(id)).PrivateIpAddresses as [string];
    assert.equal(await visit(address, 8080), 'ECONNREFUSED');
    await advance(simulator.url, 15);
    assert.equal(await visit(address, 8080), '200 up');
    await simulator.close();
    assert.equal(await visit(address, 8080), 'ECONNREFUSED');
  });

  test('come up though something else is done with them meanwhile', async (t) => {
    const simulator = await simulatorFor(t, { listen: true, durations: { boot: 60, tail: 3, image: 30 } });
    await write(simulator, 'disk-apisys01', 'listen 8080 200 up');
    const cloud = new Cloud(simulator.port);
    const { ImageId } = await cloud.ask('CreateImage', { ImageName: 'n', InstanceId: api });
    await cloud.imageDone(String(ImageId));
    await stopClock(simulator.url);
    const { InstanceIdSet } = await cloud.ask('RunInstances', { ImageId, Placement: zone });
    const id = (InstanceIdSet as string[])[0]!;
    const idle = async (): Promise<boolean> => (await cloud.instance(id)).LatestOperationState === 'SUCCESS';
    while (!(await idle())) await advance(simulator.url);
    const [address] = (await cloud.instance(id)).PrivateIpAddresses as [string];
    await cloud.ask('CreateImage', { ImageName: 'live', InstanceId: id });
    assert.equal(await visit(address, 8080), 'ECONNREFUSED');
    await advance(simulator.url, 60);
    assert.equal(await visit(address, 8080), '200 up');
    // Another start is another boot, which the end of the first one must not cut short.
    await cloud.ask('RebootInstances', { InstanceIds: [id] });
    while ((await cloud.instance(id)).InstanceState !== 'RUNNING') await advance(simulator.url);
    assert.equal(await visit(address, 8080), 'ECONNREFUSED');
    await advance(simulator.url, 60);
    assert.equal(await visit(address, 8080), '200 up');
  });

  test('serve nothing by a line that nothing can be served by', async (t) => {
    const simulator = await simulatorFor(t, { listen: true, durations: { boot: 0 } });
    const lines = ['listen 8080 099', 'listen 8081 100', 'listen 8082 600', 'listen 0', 'listen 65536'];
    await write(simulator, 'disk-apisys01', [...lines, 'listen 9090 599 odd'].join('\n'));
    const { address } = await launched(simulator, api, 'odd');
    await until('up', async () => ((await visit(address, 9090)) === '599 odd' ? true : undefined));
    for (const port of [8080, 8081, 8082]) assert.equal(await visit(address, port), 'ECONNREFUSED');
  });

  test('listen again after a restart', async (t) => {
    const dataDir = await mkdtemp(join(tmpdir(), 'simulator-'));
    t.after(() => rm(dataDir, { recursive: true, force: true, maxRetries: 20 }));
    const first = await simulatorFor(t, { dataDir, listen: true, durations: { boot: 0 } });
    await write(first, 'disk-apisys01', 'listen 8080 200 up');
    const { address } = await launched(first, api, 'n');
    await until('up', async () => ((await visit(address, 8080)) === '200 up' ? true : undefined));
    await first.close();
    await simulatorFor(t, { dataDir, listen: true });
    assert.equal(await visit(address, 8080), '200 up');
  });

  test('without the option have addresses that lead nowhere', async (t) => {
    const simulator = await simulatorFor(t);
    const { address } = await launched(simulator, api, 'n');
    assert.match(address, /^10\./);
  });
});

describe('copies', { concurrency: true }, () => {
  const contentOf = async (simulator: Simulator, id: unknown): Promise<string> =>
    String((await control(simulator.url, 'GET', `/snapshots/${String(id)}/content`)).content);

  test('of a running instance mix what was there before and what came after; of a stopped one never', async (t) => {
    const simulator = await simulatorFor(t);
    await stopClock(simulator.url);
    const cloud = new Cloud(simulator.port);
    for (const [disk, isTorn] of [
      ['disk-webdata1', true],
      ['disk-apidata1', false],
    ] as const) {
      await write(simulator, disk, 'a'.repeat(100));
      const { SnapshotId } = await cloud.ask('CreateSnapshot', { DiskId: disk });
      await write(simulator, disk, 'b'.repeat(100));
      const content = await contentOf(simulator, SnapshotId);
      if (isTorn) {
        assert.match(content, /^a*b+\W?torn$/);
        assert.ok(content.endsWith('\u0000torn'));
      } else assert.equal(content, 'a'.repeat(100));
    }
  });

  test('are torn as often as the switch says', async (t) => {
    const simulator = await simulatorFor(t, { switches: { tornShare: 0.5 } });
    const cloud = new Cloud(simulator.port);
    let torn = 0;
    for (let round = 0; round < 24; round++) {
      const { SnapshotId } = await cloud.ask('CreateSnapshot', { DiskId: 'disk-webdata1' });
      if ((await contentOf(simulator, SnapshotId)).includes('torn')) torn++;
      await control(simulator.url, 'POST', '/clock', { advance: 1800 });
    }
    assert.ok(torn > 2 && torn < 22, `${torn} of 24`);
  });
});
