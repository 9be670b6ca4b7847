import type { WorkflowHandle } from '@temporalio/client';
import assert from 'node:assert/strict';
import {
  type BuildSpecInput,
  quotaQuery,
  type QuotaProgress,
  quotaWorkflowId,
  reserveUpdate,
  type RoomAnswer,
  tagKeys,
} from '../../contract';
import type { BuildStack } from './build-stack';
import { until, untilProgress } from './judge';
import type { SimulatorControl } from './simulator';

/** The account of the simulator's usual key. */
const account = '100000000001';

/** The workflow of a region's quota, the run that is there now. */
export const quotaOf = ({ client }: Pick<BuildStack, 'client'>, region: string): WorkflowHandle =>
  client.workflow.getHandle(quotaWorkflowId(account, region));

export const quotaNow = (stack: Pick<BuildStack, 'client'>, region: string): Promise<QuotaProgress> =>
  quotaOf(stack, region).query(quotaQuery);

/** A build in a region of the test's own. */
export interface QueuedBuild {
  instanceId: string;
  handle: WorkflowHandle;
}

/** Starts a build of an instance of its own, and waits until it has a slot or a place in the queue. */
export async function startInTurn(
  stack: BuildStack,
  region: string,
  spec: Partial<BuildSpecInput> = {},
): Promise<QueuedBuild> {
  const instanceId = await stack.instance({ region, dataDisks: 0 });
  const image = { name: `room-${instanceId}`, ...spec.image };
  const handle = await stack.start({ region, instanceId, room: { whenFull: 'wait' }, ...spec, image });
  await untilProgress(handle, ({ queued, steps }) => {
    const { state } = steps.find(({ step }) => step === 'checkQuota')!;
    return queued !== undefined || state === 'done' || state === 'failed';
  });
  return { instanceId, handle };
}

/** Asks once more for a build that has a slot, as a step does that is tried again. */
export async function askAgain(
  stack: Pick<BuildStack, 'client'>,
  region: string,
  { handle }: QueuedBuild,
): Promise<RoomAnswer> {
  const { leases } = await quotaNow(stack, region);
  const request = leases.find(({ workflowId }) => workflowId === handle.workflowId)!;
  return quotaOf(stack, region).executeUpdate(reserveUpdate, { args: [request] });
}

/** How often the workflow of a region's quota was asked for a slot. */
export async function timesAsked(stack: Pick<BuildStack, 'client'>, region: string): Promise<number> {
  const { events } = await quotaOf(stack, region).fetchHistory();
  return (events ?? []).filter((event) => event.workflowExecutionUpdateAcceptedEventAttributes).length;
}

export const placeOf = async ({ handle }: QueuedBuild): Promise<number | undefined> =>
  (await handle.query<{ queued?: { position: number } }>('progress')).queued?.position;

/** Waits until a build stands at this place. */
export const untilAt = (build: QueuedBuild, position: number) =>
  untilProgress(build.handle, ({ queued }) => queued?.position === position);

/** Waits until what is made now is younger, to the second, than what was made before. */
export const untilNextSecond = () => {
  const second = () => Math.floor(Date.now() / 1000);
  const before = second();
  return until(() => Promise.resolve(second() > before ? true : undefined));
};

/** Waits until so many stand in the queue of a region. */
export const untilWaiting = (stack: Pick<BuildStack, 'client'>, region: string, waiting: number) =>
  until(async () => {
    const now = await quotaNow(stack, region).catch(() => undefined);
    return now?.queue.length === waiting ? true : undefined;
  });

/** Custom images that fill a region, made by somebody else. */
export async function fill(cloud: SimulatorControl, region: string, names: string[]): Promise<string[]> {
  await cloud.seed({ images: names.map((name) => ({ region, name })) });
  const { images } = await cloud.state(region);
  return names.map((name) => images.find((image) => image.name === name)!.id);
}

/** Images of a family as builds have left them, the oldest first. */
export async function familyImages(
  cloud: SimulatorControl,
  region: string,
  family: string,
  tags: Record<string, string>[],
): Promise<string[]> {
  const made: string[] = [];
  for (const [index, own] of tags.entries()) {
    const suffix = `${Math.random().toString(36).slice(2)}00000000`.slice(0, 8);
    const marks = { [tagKeys.build]: `test/${suffix}-00000000000${index}`, [tagKeys.state]: 'kept' };
    const name = `${family}-${suffix}`;
    await cloud.seed({ images: [{ region, name, family, tags: { ...marks, ...own } }] });
    const { images } = await cloud.state(region);
    made.push(images.find((image) => image.name === name)!.id);
    // Times of creation are whole seconds.
    await untilNextSecond();
  }
  return made;
}

export const someoneDeletes = (cloud: SimulatorControl, imageId: string) =>
  cloud.send('POST', 'interfere', { act: 'delete-image', id: imageId });

/** Counts the images of a region again and again until it is stopped; answers the most that there were. */
export function countImages(cloud: SimulatorControl, region: string): { stop: () => Promise<number> } {
  let most = 0;
  let stopped = false;
  const counting = (async () => {
    while (!stopped) {
      most = Math.max(most, (await cloud.state(region)).images.length);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  })();
  return {
    stop: async () => {
      stopped = true;
      await counting;
      return most;
    },
  };
}

/**
 * Looks at the queue of a region again and again until it is stopped; then it must always have been in the order in which they first
 * asked, and whoever left it must have stood at its head. Answers how many were seen to leave it.
 */
export function watchQueue(stack: Pick<BuildStack, 'client'>, region: string): { stop: () => Promise<number> } {
  const wrong: string[] = [];
  let stopped = false;
  let left = 0;
  const watching = (async () => {
    let before: string[] = [];
    while (!stopped) {
      // There is no such workflow before the first asks, and after the last has left.
      const seen = await quotaNow(stack, region).catch(() => undefined);
      const queue = seen?.queue ?? [];
      const times = queue.map(({ since }) => since);
      if (times.join() !== [...times].sort().join()) wrong.push(`not in order: ${times.join()}`);
      const now = seen ? queue.map(({ owner }) => owner) : before;
      const stay = before.filter((owner) => now.includes(owner));
      const passedOver = before.findIndex((owner) => now.includes(owner));
      const gone = before.findLastIndex((owner) => !now.includes(owner));
      if (passedOver >= 0 && gone > passedOver) wrong.push(`${before[gone]!} before ${before[passedOver]!}`);
      left += before.length - stay.length;
      before = now;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  })();
  return {
    stop: async () => {
      stopped = true;
      await watching;
      assert.deepEqual(wrong, [], 'first come, first served');
      return left;
    },
  };
}

/** Waits until a workflow has called an activity so many times. */
export const untilCalled = (handle: WorkflowHandle, activity: string, times: number) =>
  until(async () => {
    const { events = [] } = await handle.fetchHistory();
    const calls = (events ?? []).filter(
      (event) => event.activityTaskScheduledEventAttributes?.activityType?.name === activity,
    );
    return calls.length >= times ? true : undefined;
  });

/** Nobody was refused an image for want of room in the region. */
export async function assertNeverRefused(cloud: SimulatorControl, region: string): Promise<void> {
  const asked = await cloud.calls({ action: 'CreateImage', region });
  assert.ok(asked.length > 0, 'images were asked for');
  assert.deepEqual(
    asked.filter(({ outcome }) => outcome === 'ImageQuotaLimitExceeded'),
    [],
  );
}

/** Waits until the workflow of a quota has nobody to look after any more, and has ended by itself. */
export const untilQuotaEnded = (stack: Pick<BuildStack, 'client'>, region: string) =>
  until(async () => {
    const { status } = await quotaOf(stack, region).describe();
    return status.name === 'COMPLETED' ? true : undefined;
  });
