import assert from 'node:assert/strict';
import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import { after, before, describe, test } from 'node:test';
import { type BuildResult, type BuildSpecInput, buildWorkflowId, buildWorkflowType } from '../../contract';
import type { BuildStack } from '../support/build-stack';
import { until, untilProgress } from '../support/judge';
import { type KillStand, startKillStand } from '../support/kill-stand';
import {
  assertNeverRefused,
  countImages,
  fill,
  placeOf,
  quotaNow,
  quotaOf,
  someoneDeletes,
  startInTurn,
  timesAsked,
  untilAt,
  untilNextSecond,
} from '../support/quota';
import type { SimulatorControl } from '../support/simulator';
import { killProcess } from '../support/worker';

const spec = { room: { whenFull: 'wait' }, deadlines: { heartbeat: 2 } } as const;

describe('SIGKILL of the worker that hands out slots', { concurrency: 2 }, () => {
  let stand: KillStand;
  let cloud: SimulatorControl;
  before(async () => {
    stand = await startKillStand();
    cloud = stand.cloud;
  });
  after(() => stand.stop());

  /** Where builds are started, on a task queue of its own. */
  function place(): BuildStack & { work: () => Promise<ChildProcessWithoutNullStreams> } {
    const taskQueue = stand.newTaskQueue();
    const { temporal, client } = stand;
    return {
      client,
      temporal,
      cloud,
      taskQueue,
      instance: (form) => stand.instance(form),
      start: (asked: BuildSpecInput) =>
        client.workflow.start<(spec: BuildSpecInput) => Promise<BuildResult>>(buildWorkflowType, {
          workflowId: buildWorkflowId(asked.region, asked.instanceId),
          taskQueue,
          args: [asked],
        }),
      work: () => stand.work(taskQueue),
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
        await untilNextSecond();
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
      await stand.untilMet(id, action);
      await killProcess(worker);
      await stack.work();
      await build.result();
      const { images } = await cloud.state(region);
      assert.deepEqual(
        images.map(({ name }) => name).sort(),
        [`room-${instanceId}`, 'family-aaaa0002', 'family-aaaa0003', 'family-aaaa0004'].sort(),
        'only the oldest went',
      );
      assert.equal(
        await timesAsked(stack, region),
        1,
        'the next attempt waits for the answer that the first one asked for',
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
