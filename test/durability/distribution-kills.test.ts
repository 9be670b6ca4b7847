import { Client, Connection } from '@temporalio/client';
import assert from 'node:assert/strict';
import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { snapshotCopyName, tagKeys } from '../../contract';
import { startSimulator } from '../../simulator';
import { testDurations } from '../support/build-stack';
import { until } from '../support/judge';
import { ended, familyInCloud, pipelineOf, region, startRelease } from '../support/releases';
import { SimulatorControl } from '../support/simulator';
import { startTestTemporal, type TestTemporal } from '../support/temporal';
import { killProcess, startWorkerProcess } from '../support/worker';

const shanghai = 'ap-shanghai';
const partner = '100000000002';

describe('SIGKILL of the worker, right after a change of a distribution', { concurrency: 1 }, () => {
  const workers: ChildProcessWithoutNullStreams[] = [];
  let simulator: Awaited<ReturnType<typeof startSimulator>>;
  let cloud: SimulatorControl;
  let temporal: TestTemporal;
  let client: Client;
  before(async () => {
    simulator = await startSimulator({ port: 0, speed: 600, rateScale: 0, durations: testDurations });
    cloud = new SimulatorControl(simulator.url);
    await cloud.seed({ imageQuota: { [region]: 100, [shanghai]: 100 } });
    temporal = await startTestTemporal();
    const connection = await Connection.connect({ address: temporal.address });
    client = new Client({ connection, namespace: temporal.namespace });
  });
  after(async () => {
    for (const worker of workers) worker.kill('SIGKILL');
    await client.connection.close();
    await temporal.stop();
    await simulator.close();
  });

  const instance = async (form: Record<string, unknown>) => {
    const id = `ins-${randomBytes(4).toString('hex')}`;
    await cloud.seed({ instances: [{ id, ...form }] });
    return id;
  };

  for (const action of ['SyncImages', 'CopySnapshotCrossRegions', 'ModifyImageSharePermission'] as const) {
    test(`${action}: made once, and the release is everywhere`, async () => {
      const pipeline = await pipelineOf(
        { instance },
        { distribute: { regions: [shanghai], accounts: [partner] }, deadlines: { heartbeat: 2 } },
      );
      const { family, source } = pipeline;
      const { instanceId } = source as { instanceId: string };
      const taskQueue = `kill-${randomBytes(4).toString('hex')}`;
      const place = { temporal, taskQueue, endpoint: simulator.url };
      const first = await startWorkerProcess(place);
      workers.push(first);
      // Nobody else is at work in this simulator: a share needs no other mark.
      const marks = { SyncImages: family, CopySnapshotCrossRegions: `cib-${instanceId.slice(4)}` };
      const about = action === 'ModifyImageSharePermission' ? {} : { contains: marks[action] };
      const id = await cloud.fault({ action, ...about, kind: 'delay', when: 'after', milliseconds: 4000 });
      const handle = await startRelease({ client, taskQueue }, pipeline);
      await until(async () => {
        const calls = await cloud.calls({ action });
        return calls.some(({ faults }) => faults.includes(id)) ? true : undefined;
      });
      await killProcess(first);
      const second = await startWorkerProcess(place);
      workers.push(second);
      const made = await ended(handle);
      await killProcess(second);
      assert.equal(made.outcome, 'released', JSON.stringify(made.distribution));
      const [home, copy] = made.images;
      assert.ok(home && copy);
      const there = await familyInCloud(cloud, family, shanghai);
      assert.deepEqual([there.of('current'), there.answers], [[copy.imageId], [copy.imageId]]);
      const state = await cloud.state(shanghai);
      // Marked or not: nothing was made twice.
      const copyName = snapshotCopyName(made.build!.buildId, home.snapshots[0]!.snapshotId);
      assert.equal(state.images.filter(({ name }) => name === home.name).length, 1);
      const copies = state.snapshots.filter(({ name, state: is }) => name === copyName && is !== 'TORECYCLE');
      assert.deepEqual(
        copies.map((one) => [one.id, one.tags[tagKeys.build]]),
        [[copy.snapshots[0]!.snapshotId, `test/${made.build!.buildId}`]],
      );
      assert.ok(made.distribution!.every(({ sharedWith }) => sharedWith[0] === partner));
    });
  }
});
