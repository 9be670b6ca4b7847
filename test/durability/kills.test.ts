import { Client, Connection } from '@temporalio/client';
import assert from 'node:assert/strict';
import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { startTemporalServer, type TemporalServer } from '../../dev/temporal-server/server';
import {
  type BuildResult,
  type BuildSpecInput,
  buildWorkflowId,
  buildWorkflowType,
  pauseUpdate,
  resumeUpdate,
  retryStepUpdate,
} from '../../contract';
import { startSimulator } from '../../simulator';
import { testDurations } from '../support/build-stack';
import { assertSource, resourcesOf, until, untilProgress } from '../support/judge';
import { SimulatorControl } from '../support/simulator';
import { killProcess, startWorkerProcess } from '../support/worker';

const region = 'ap-guangzhou';

/** Every call of a build with launch that changes something, with the text that marks this build's own. */
const mutations: { action: string; method?: 'snapshots'; nth?: number; mark: (key: string) => string }[] = [
  { action: 'TagResources', mark: (key) => `instance/ins-${key}` },
  { action: 'StopInstances', mark: (key) => key },
  { action: 'CreateSnapshot', mark: (key) => `cib-${key}-` },
  { action: 'CreateSnapshot', nth: 2, mark: (key) => `cib-${key}-` },
  { action: 'CreateImage', mark: (key) => `kill-${key}` },
  { action: 'CreateImage', method: 'snapshots', mark: (key) => `kill-${key}` },
  { action: 'StartInstances', mark: (key) => key },
  { action: 'UnTagResources', mark: (key) => key },
  { action: 'RunInstances', mark: (key) => `/${key}-` },
];

describe('SIGKILL', { concurrency: 3 }, () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'cvm-image-kills-'));
  const workers: ChildProcessWithoutNullStreams[] = [];
  let simulator: Awaited<ReturnType<typeof startSimulator>>;
  let cloud: SimulatorControl;
  let temporal: TemporalServer;
  let client: Client;

  before(async () => {
    simulator = await startSimulator({ port: 0, speed: 600, rateScale: 0, durations: testDurations });
    cloud = new SimulatorControl(simulator.url);
    await cloud.seed({ imageQuota: { [region]: 100 } });
    temporal = await startTemporalServer();
    client = await connect(temporal);
  });
  after(async () => {
    for (const worker of workers) worker.kill('SIGKILL');
    await client.connection.close();
    await temporal.stop();
    await simulator.close();
    rmSync(folder, { recursive: true, force: true });
  });

  async function connect({ address, namespace }: TemporalServer): Promise<Client> {
    return new Client({ connection: await Connection.connect({ address }), namespace });
  }

  async function startWorker(temporal: TemporalServer, taskQueue: string) {
    const worker = await startWorkerProcess({ temporal, taskQueue, endpoint: simulator.url });
    workers.push(worker);
    return worker;
  }

  async function startBuild(by: Client, key: string, taskQueue: string, more: Partial<BuildSpecInput> = {}) {
    const instanceId = `ins-${key}`;
    await cloud.seed({ instances: [{ region, id: instanceId, dataDisks: 2 }] });
    return by.workflow.start<(spec: BuildSpecInput) => Promise<BuildResult>>(buildWorkflowType, {
      workflowId: buildWorkflowId(region, instanceId),
      taskQueue,
      args: [
        {
          region,
          instanceId,
          image: { name: `kill-${key}` },
          launch: { zone: 'ap-guangzhou-3' },
          deadlines: { heartbeat: 2 },
          ...more,
        },
      ],
    });
  }

  /** One image, one snapshot a disk, one instance, the source as it was found. */
  async function assertExact(key: string, snapshots = 2): Promise<void> {
    const made = await resourcesOf(cloud, region, `ins-${key}`);
    assertSource(made.source);
    assert.equal(made.images.length, 1, 'one image');
    assert.equal(made.snapshots.length, snapshots, 'one snapshot a disk');
    assert.equal(made.instances.length, 1, 'one instance');
  }

  for (const standing of ['held', 'paused'] as const) {
    test(`of the worker while the build is ${standing}`, async () => {
      const key = randomBytes(4).toString('hex');
      const queue = `kill-${key}`;
      const first = await startWorker(temporal, queue);
      if (standing === 'held')
        await cloud.fault({ action: 'CreateImage', contains: `kill-${key}`, kind: 'image-fails' });
      const stall = await cloud.stall('DescribeDisks', `ins-${key}`);
      const handle = await startBuild(client, key, queue, { onFailure: 'hold' });
      await until(async () => ((await stall.met()) ? true : undefined));
      if (standing === 'paused') await handle.executeUpdate(pauseUpdate, { args: [{}] });
      await stall.release();
      await untilProgress(handle, ({ phase }) => phase === standing);
      await killProcess(first);
      await startWorker(temporal, queue);
      if (standing === 'held') await handle.executeUpdate(retryStepUpdate, { args: [{}] });
      else await handle.executeUpdate(resumeUpdate);
      await handle.result();
      await assertExact(key);
    });
  }

  for (const { action, method, nth, mark } of mutations) {
    const which = `${action}${nth ? ` (${nth}nd)` : ''}${method ? `, method ${method}` : ''}`;
    test(`of the worker right after ${which}`, async () => {
      const key = randomBytes(4).toString('hex');
      const queue = `kill-${key}`;
      // The answer is held back, so that the worker dies after the change and before it knows of it.
      const fault = await cloud.fault({
        action,
        contains: mark(key),
        kind: 'delay',
        when: 'after',
        milliseconds: 4000,
        ...(nth ? { nth } : {}),
      });
      const worker = await startWorker(temporal, queue);
      const handle = await startBuild(client, key, queue, method ? { method } : {});
      await until(async () =>
        (await cloud.calls({ action })).some(({ faults }) => faults.includes(fault)) ? true : undefined,
      );
      await killProcess(worker);
      const next = await startWorker(temporal, queue);
      await handle.result();
      await assertExact(key, method ? 3 : 2);
      await killProcess(next);
    });
  }

  test('of the worker while it undoes', async () => {
    const key = randomBytes(4).toString('hex');
    const queue = `kill-${key}`;
    await cloud.fault({ action: 'CreateImage', contains: `kill-${key}`, kind: 'image-fails' });
    const fault = await cloud.fault({ action: 'DeleteSnapshots', kind: 'delay', when: 'after', milliseconds: 4000 });
    const worker = await startWorker(temporal, queue);
    const handle = await startBuild(client, key, queue);
    await until(async () =>
      (await cloud.calls({ action: 'DeleteSnapshots' })).some(({ faults }) => faults.includes(fault))
        ? true
        : undefined,
    );
    await killProcess(worker);
    const next = await startWorker(temporal, queue);
    await assert.rejects(handle.result());
    const left = await resourcesOf(cloud, region, `ins-${key}`);
    assertSource(left.source);
    assert.deepEqual([left.images, left.ofSource, left.instances], [[], [], []]);
    await killProcess(next);
  });

  test('of the Temporal server while the image is waited for', async () => {
    const key = randomBytes(4).toString('hex');
    const queue = `kill-${key}`;
    const options = { dbFile: path.join(folder, 'temporal.db') };
    const first = await startTemporalServer(options);
    const own = await connect(first);
    const worker = await startWorker(first, queue);
    const handle = await startBuild(own, key, queue);
    await untilProgress(handle, ({ steps }) => steps.find(({ step }) => step === 'pollImage')?.state === 'running');
    process.kill(first.child.identity.pid, 'SIGKILL');
    await first.child.ended;

    const port = Number(first.address.split(':')[1]);
    const second = await startTemporalServer({ ...options, port });
    await handle.result();
    await assertExact(key);
    await killProcess(worker);
    await own.connection.close();
    await second.stop();
  });
});
