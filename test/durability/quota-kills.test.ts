import { Client, Connection } from '@temporalio/client';
import assert from 'node:assert/strict';
import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { type BuildResult, type BuildSpecInput, buildWorkflowId, buildWorkflowType } from '../../contract';
import { startSimulator } from '../../simulator';
import { type BuildStack, testDurations } from '../support/build-stack';
import { until, untilProgress } from '../support/judge';
import {
  assertNeverRefused,
  countImages,
  fill,
  placeOf,
  quotaNow,
  quotaOf,
  someoneDeletes,
  startInTurn,
  untilAt,
} from '../support/quota';
import { SimulatorControl } from '../support/simulator';
import { startTestTemporal, type TestTemporal } from '../support/temporal';
import { killProcess, startWorkerProcess } from '../support/worker';

const spec = { room: { whenFull: 'wait' }, deadlines: { heartbeat: 2 } } as const;

describe('SIGKILL of the worker that hands out slots', { concurrency: 2 }, () => {
  const workers: ChildProcessWithoutNullStreams[] = [];
  let simulator: Awaited<ReturnType<typeof startSimulator>>;
  let cloud: SimulatorControl;
  let temporal: TestTemporal;
  let client: Client;
  before(async () => {
    simulator = await startSimulator({ port: 0, speed: 600, rateScale: 0, durations: testDurations });
    cloud = new SimulatorControl(simulator.url);
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

  /** Where builds are started, on a task queue of its own. */
  function place(): BuildStack & { work: () => Promise<ChildProcessWithoutNullStreams> } {
    const taskQueue = `quota-${randomBytes(4).toString('hex')}`;
    return {
      client,
      temporal,
      cloud,
      taskQueue,
      instance: async (form) => {
        const id = `ins-${randomBytes(4).toString('hex')}`;
        await cloud.seed({ instances: [{ id, ...form }] });
        return id;
      },
      start: (asked: BuildSpecInput) =>
        client.workflow.start<(spec: BuildSpecInput) => Promise<BuildResult>>(buildWorkflowType, {
          workflowId: buildWorkflowId(asked.region, asked.instanceId),
          taskQueue,
          args: [asked],
        }),
      work: async () => {
        const worker = await startWorkerProcess({ temporal, taskQueue, endpoint: simulator.url });
        workers.push(worker);
        return worker;
      },
      stop: () => Promise.resolve(),
    };
  }

  test('while builds wait: they keep their places, and their turn comes with the next worker', async () => {
    const region = 'ap-tokyo';
    await cloud.seed({ imageQuota: { [region]: 2 } });
    const [first, second] = await fill(cloud, region, ['kill-1', 'kill-2']);
    const stack = place();
    const worker = await stack.work();
    const counting = countImages(cloud, region);
    const one = await startInTurn(stack, region, spec);
    const two = await startInTurn(stack, region, spec);
    await killProcess(worker);
    await someoneDeletes(cloud, first!);
    await stack.work();
    await one.handle.result();
    await untilAt(two, 1);
    await someoneDeletes(cloud, second!);
    await two.handle.result();
    assert.equal(await counting.stop(), 2);
    await assertNeverRefused(cloud, region);
  });

  for (const action of ['DescribeImageQuota', 'DeleteImages'] as const) {
    test(`in ${action}: the build goes on with the next worker, and one slot is handed out`, async () => {
      const region = action === 'DescribeImageQuota' ? 'ap-seoul' : 'ap-mumbai';
      await cloud.seed({ imageQuota: { [region]: 4 } });
      const tags = (id: string) => ({
        'cvm-image-builder/build': `test/${id}-000000000001`,
        'cvm-image-builder/state': 'kept',
      });
      for (const id of ['aaaa0001', 'aaaa0002', 'aaaa0003', 'aaaa0004']) {
        await cloud.seed({ images: [{ region, name: `family-${id}`, family: 'killed', tags: tags(id) }] });
        // Times of creation are whole seconds.
        await new Promise((resolve) => setTimeout(resolve, 1100));
      }
      const oldest = (await cloud.state(region)).images.find(({ name }) => name === 'family-aaaa0001')!.id;
      const stack = place();
      const worker = await stack.work();
      const fault = { action, region, kind: 'delay', when: 'after', milliseconds: 4000 };
      const id = await cloud.fault(action === 'DeleteImages' ? { ...fault, contains: oldest } : fault);
      const instanceId = await stack.instance({ region, dataDisks: 0 });
      const build = await stack.start({
        region,
        instanceId,
        image: { name: `room-${instanceId}`, family: 'killed' },
        room: { whenFull: 'retire-oldest' },
        deadlines: { heartbeat: 2 },
      });
      await until(async () => {
        const calls = await cloud.calls({ action, region });
        return calls.some(({ faults }) => faults.includes(id)) ? true : undefined;
      });
      await killProcess(worker);
      await stack.work();
      await build.result();
      const { images } = await cloud.state(region);
      assert.deepEqual(
        images.map(({ name }) => name).sort(),
        [`room-${instanceId}`, 'family-aaaa0002', 'family-aaaa0003', 'family-aaaa0004'].sort(),
        'only the oldest went',
      );
      await assertNeverRefused(cloud, region);
    });
  }

  test('a task queue that nobody serves any more: whoever asks next takes the quota over, with its slots', async () => {
    const region = 'ap-bangkok';
    await cloud.seed({ imageQuota: { [region]: 2 } });
    const old = place();
    const worker = await old.work();
    const { met, release } = await cloud.stall('StopInstances', 'ins-');
    const holder = await startInTurn(old, region, spec);
    await until(async () => ((await met()) ? true : undefined));
    await killProcess(worker);

    const stack = place();
    await stack.work();
    const next = await startInTurn(stack, region, spec);
    assert.equal(await placeOf(next), undefined, 'there is a slot left');
    const last = await startInTurn(stack, region, spec);
    assert.equal(await placeOf(last), 1, 'the slot of the holder is known');
    const { leases } = await quotaNow(stack, region);
    assert.equal(leases.length, 2);
    assert.equal((await quotaOf(stack, region).describe()).taskQueue, stack.taskQueue);
    await holder.handle.terminate('nobody comes back');
    await untilProgress(last.handle, ({ queued, phase }) => queued === undefined && phase !== 'queued');
    await release();
    await Promise.all([next, last].map(({ handle }) => handle.result()));
    await assertNeverRefused(cloud, region);
  });
});
