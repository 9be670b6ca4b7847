import type { WorkflowHandle } from '@temporalio/client';
import type { BuildResult, BuildSpecInput, StepName } from '../contract';
import { type BuildStack, startBuildStack } from '../test/support/build-stack';
import type { Figure } from './table';

const region = 'ap-guangzhou';
/** The cloud that the budgets are about, in its own seconds: stop 40 s, snapshots 5 min, image 20 min, start 40 s. */
const durations = { stop: 40, start: 40, snapshot: 300, image: 1200, launch: 40, tail: 0 };
/** Slow enough that a second of the cloud is not lost in the machine's noise: 60 of them are one of ours. */
const speed = 60;
/** The shipped settings, as fast as the cloud. */
const settings = {
  waits: {
    percentMinSeconds: 1 / speed,
    percentMaxSeconds: 30 / speed,
    minSeconds: 2 / speed,
    maxSeconds: 30 / speed,
    growth: 0.05,
  },
  settleSeconds: 15 / speed,
};

/** Builds one image, then many at once, with launch and two data disks, and reads off what they cost. */
export async function measureBuilds(many: number): Promise<Figure[]> {
  const stack = await startBuildStack({
    simulator: { speed, durations },
    settings,
    worker: { maxHeartbeatThrottleInterval: '1s', defaultHeartbeatThrottleInterval: '1s' },
  });
  try {
    await stack.cloud.seed({ imageQuota: { [region]: 1000 } });
    const figures: Figure[] = [];
    for (const method of ['instance', 'snapshots'] as const) figures.push(...(await one(stack, method)));
    figures.push(...(await together(stack, many)));
    return figures;
  } finally {
    await stack.stop();
  }
}

async function one(stack: BuildStack, method: 'instance' | 'snapshots'): Promise<Figure[]> {
  const { result, seconds, calls, events } = await build(stack, method);
  const { stop, snapshot, start, image, launch } = durations;
  const path = (stop + snapshot + image + launch + start) / speed;
  // With the method `instance` the start stands between image and launch, with `snapshots` between snapshots and image.
  const down = (stop + snapshot + start + (method === 'instance' ? image : 0)) / speed;
  const downTime = result.source.downTimeSeconds!;
  return [
    figure(`${method}: overhead over the cloud's own time`, percent(seconds / path - 1), '≤ 5 %'),
    figure(`${method}: down-time over stop + snapshots (+ image) + start`, percent(downTime / down - 1), '≤ 5 %'),
    figure(`${method}: API calls of a build`, String(calls), '≤ 180'),
    figure(`${method}: history events`, String(events), '≤ 80'),
    figure(`${method}: slowest steps`, slowest(result.steps), ''),
  ];
}

async function together(stack: BuildStack, many: number): Promise<Figure[]> {
  const before = (await stack.cloud.calls({ region })).length;
  const begun = performance.now();
  await Promise.all(Array.from({ length: many }, async () => (await start(stack, 'instance')).result()));
  const seconds = (performance.now() - begun) / 1000;
  const calls = (await stack.cloud.calls({ region })).slice(before);
  const path = Object.values(durations).reduce((sum, one) => sum + one, 0) / speed;
  return [
    figure(`${many} at once: API calls a build`, (calls.length / many).toFixed(1), '≤ 20 at 100'),
    figure(`${many} at once: overhead over the cloud's own time`, percent(seconds / path - 1), ''),
  ];
}

async function build(stack: BuildStack, method: 'instance' | 'snapshots') {
  const before = (await stack.cloud.calls()).length;
  const begun = performance.now();
  const handle = await start(stack, method);
  const result = await handle.result();
  const seconds = (performance.now() - begun) / 1000;
  const calls = (await stack.cloud.calls()).length - before;
  return { result, seconds, calls, events: (await handle.describe()).historyLength };
}

async function start(
  stack: BuildStack,
  method: 'instance' | 'snapshots',
): Promise<WorkflowHandle<(spec: BuildSpecInput) => Promise<BuildResult>>> {
  const instanceId = await stack.instance({ region, dataDisks: 2 });
  return stack.start({
    region,
    instanceId,
    image: { name: `bench-${instanceId}` },
    method,
    launch: { zone: `${region}-3` },
  });
}

const figure = (what: string, value: string, target: string): Figure => ({ what, value, target });
const percent = (share: number) => `${(share * 100).toFixed(1)} %`;
const slowest = (steps: { step: StepName; seconds: number }[]) =>
  [...steps]
    .sort((a, b) => b.seconds - a.seconds)
    .slice(0, 4)
    .map(({ step, seconds }) => `${step} ${seconds.toFixed(2)} s`)
    .join(', ');
