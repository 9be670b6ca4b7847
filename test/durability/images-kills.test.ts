import { Client, Connection } from '@temporalio/client';
import assert from 'node:assert/strict';
import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { launchIdOf, tagKeys } from '../../contract';
import { startSimulator } from '../../simulator';
import { testDurations } from '../support/build-stack';
import { leftOf, region, resourcesOfLaunch, seedImage, startDeletion, startLaunch } from '../support/images';
import { until } from '../support/judge';
import { SimulatorControl } from '../support/simulator';
import { startTestTemporal, type TestTemporal } from '../support/temporal';
import { killProcess, startWorkerProcess } from '../support/worker';

describe('SIGKILL of the worker, right after a change of a launch or a deletion', { concurrency: 3 }, () => {
  const workers: ChildProcessWithoutNullStreams[] = [];
  let simulator: Awaited<ReturnType<typeof startSimulator>>;
  let cloud: SimulatorControl;
  let temporal: TestTemporal;
  let client: Client;
  before(async () => {
    simulator = await startSimulator({ port: 0, speed: 600, rateScale: 0, durations: testDurations });
    cloud = new SimulatorControl(simulator.url);
    await cloud.seed({ imageQuota: { [region]: 100 } });
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

  /** Runs what `start` starts; its worker dies after the change and before it knows of it, and another takes over. */
  async function killed<T extends { result(): Promise<unknown> }>(
    fault: { action: string; contains: string; nth?: number },
    start: (place: { client: Client; taskQueue: string }) => Promise<T>,
  ): Promise<T> {
    const taskQueue = `kill-${randomBytes(4).toString('hex')}`;
    const place = { temporal, taskQueue, endpoint: simulator.url };
    const id = await cloud.fault({ ...fault, kind: 'delay', when: 'after', milliseconds: 4000 });
    const first = await startWorkerProcess(place);
    workers.push(first);
    const handle = await start({ client, taskQueue });
    await until(async () => {
      const calls = await cloud.calls({ action: fault.action });
      return calls.some(({ faults }) => faults.includes(id)) ? true : undefined;
    });
    await killProcess(first);
    const second = await startWorkerProcess(place);
    workers.push(second);
    await handle.result();
    await killProcess(second);
    return handle;
  }

  test('RunInstances: one instance, kept', async () => {
    const { imageId } = await seedImage(cloud);
    // The second call: the first one is the trial.
    const handle = await killed({ action: 'RunInstances', contains: imageId, nth: 2 }, (place) =>
      startLaunch(place, { image: imageId, build: 'own', deadlines: { heartbeat: 2 } }),
    );
    const { instances, disks } = await resourcesOfLaunch({ cloud }, launchIdOf(handle.firstExecutionRunId));
    assert.equal(instances.length, 1);
    for (const one of [...instances, ...disks]) assert.equal(one.tags[tagKeys.state], 'kept');
  });

  for (const action of ['DeleteImages', 'DeleteSnapshots'] as const) {
    test(`${action}: all of it is gone`, async () => {
      const image = await seedImage(cloud);
      const contains = action === 'DeleteImages' ? image.imageId : image.dataId;
      await killed({ action, contains }, (place) =>
        startDeletion(place, { imageId: image.imageId, deadlines: { heartbeat: 2 } }),
      );
      assert.deepEqual(await leftOf(cloud, image), []);
    });
  }
});
