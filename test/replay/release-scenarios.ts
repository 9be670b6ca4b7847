import {
  approveUpdate,
  extendReleaseUpdate,
  type PipelineInput,
  rejectUpdate,
  releaseQuery,
  retryStepUpdate,
} from '../../contract';
import type { BuildStack } from '../support/build-stack';
import { until } from '../support/judge';
import { fill, quotaNow, quotaOf, untilQuotaEnded } from '../support/quota';
import { ended, firedSchedule, pipelineOf, startRelease, untilRelease } from '../support/releases';
import type { Scenario } from './scenarios';

/** A test without checks: the guests of these stacks do not listen. */
const boots: PipelineInput['test'] = { launch: { zone: 'ap-guangzhou-3' }, settle: 0.1 };

const release = (more: Partial<PipelineInput>, fault?: Record<string, unknown>) => async (stack: BuildStack) => {
  const pipeline = await pipelineOf(stack, more);
  if (fault) await stack.cloud.fault({ contains: pipeline.family, ...fault });
  return startRelease(stack, pipeline);
};

const refusal = { kind: 'error', message: 'not today', when: 'before' };

/** Runs of pipelines: released, rejected, held and tried again, cancelled. */
export const releaseScenarios: Scenario[] = [
  {
    name: 'release-approved',
    ends: 'COMPLETED',
    run: async (stack) => {
      const handle = await release({ test: boots, approve: {}, retire: { keep: 1 } })(stack);
      await untilRelease(handle, ({ waiting }) => waiting !== undefined);
      await handle.executeUpdate(approveUpdate, { args: [{ by: 'Ada' }] });
      return handle;
    },
  },
  {
    name: 'release-rejected',
    ends: 'FAILED',
    run: async (stack) => {
      const handle = await release({ approve: {} })(stack);
      await untilRelease(handle, ({ waiting }) => waiting !== undefined);
      await handle.executeUpdate(rejectUpdate, { args: [{ by: 'Ada', reason: 'wrong kernel' }] });
      return handle;
    },
  },
  {
    name: 'release-test-failed',
    ends: 'FAILED',
    run: release({ test: boots }, { action: 'RunInstances', kind: 'launch-fails' }),
  },
  {
    name: 'release-promotion-retried',
    ends: 'COMPLETED',
    run: async (stack) => {
      const code = 'InvalidParameterValue.InvalidImageFamily';
      const handle = await release({ onFailure: 'hold' }, { action: 'ModifyImageAttribute', code, ...refusal })(stack);
      await untilRelease(handle, ({ held }) => held !== undefined);
      await handle.executeUpdate(retryStepUpdate, { args: [{}] });
      return handle;
    },
  },
  {
    // What waits is given more time; lists know the stage that is held.
    name: 'release-extended',
    ends: 'COMPLETED',
    run: async (stack) => {
      const code = 'InvalidParameterValue.InvalidImageFamily';
      const fault = { action: 'ModifyImageAttribute', code, ...refusal };
      const handle = await release({ approve: {}, onFailure: 'hold' }, fault)(stack);
      await untilRelease(handle, ({ waiting }) => waiting !== undefined);
      await handle.executeUpdate(extendReleaseUpdate, { args: [{ seconds: 3600 }] });
      await handle.executeUpdate(approveUpdate, { args: [{ by: 'Ada' }] });
      await untilRelease(handle, ({ held }) => held !== undefined);
      await handle.executeUpdate(extendReleaseUpdate, { args: [{ of: 'hold', seconds: 3600 }] });
      await handle.executeUpdate(retryStepUpdate, { args: [{}] });
      return handle;
    },
  },
  { name: 'release-remembered', ends: 'COMPLETED', run: release({ skipUnchanged: true }) },
  {
    name: 'release-remembered-when-retired',
    ends: 'COMPLETED',
    run: release({ skipUnchanged: true, retire: { keep: 1 } }),
  },
  {
    name: 'release-unchanged',
    ends: 'COMPLETED',
    run: async (stack) => {
      const pipeline = await pipelineOf(stack, { skipUnchanged: true });
      await ended(await startRelease(stack, pipeline));
      return startRelease(stack, pipeline);
    },
  },
  {
    name: 'release-cancelled',
    ends: 'CANCELLED',
    run: async (stack) => {
      const pipeline = await pipelineOf(stack);
      const { met, release: go } = await stack.cloud.stall('CreateImage', pipeline.family);
      const handle = await startRelease(stack, pipeline);
      await until(async () => ((await met()) ? true : undefined));
      await handle.cancel();
      await handle.result().catch(() => undefined);
      await go();
      return handle;
    },
  },
  {
    name: 'release-promotion-cancelled',
    ends: 'CANCELLED',
    run: async (stack) => (await promotionCancelled(stack)).handle,
  },
  {
    name: 'release-distributed',
    ends: 'COMPLETED',
    run: release({ distribute: { regions: ['ap-shanghai', 'ap-beijing'], accounts: ['100000000002'] } }),
  },
  {
    name: 'release-partial',
    ends: 'COMPLETED',
    run: release({ distribute: { regions: ['ap-shanghai'], accounts: ['999999999999'] } }),
  },
  {
    // The copy is there, and cannot become current.
    name: 'release-copy-taken-back',
    ends: 'COMPLETED',
    run: release(
      { distribute: { regions: ['ap-shanghai'] } },
      {
        action: 'ModifyImageAttribute',
        region: 'ap-shanghai',
        code: 'InvalidParameterValue.InvalidImageFamily',
        ...refusal,
      },
    ),
  },
  {
    name: 'release-retired-everywhere',
    ends: 'COMPLETED',
    run: release({ distribute: { regions: ['ap-shanghai'] }, retire: { keep: 1 } }),
  },
  {
    name: 'release-copy-waits',
    ends: 'COMPLETED',
    run: async (stack) => {
      const handle = await copyToFull(stack, 'eu-frankfurt', 'wait');
      await queued(stack, 'eu-frankfurt', 1);
      await stack.cloud.seed({ imageQuota: { 'eu-frankfurt': 2 } });
      return handle;
    },
  },
  {
    // The one before it gives up; the quota tells it its new place.
    name: 'release-copy-moves-up',
    ends: 'COMPLETED',
    run: async (stack) => {
      const where = 'ap-jakarta';
      const first = await copyToFull(stack, where, 'wait');
      await queued(stack, where, 1);
      const handle = await copyTo(stack, where, 'wait');
      await queued(stack, where, 2);
      await first.cancel();
      await until(async () => {
        const { distribution } = await handle.query(releaseQuery);
        return distribution?.[0]?.queued?.position === 1 ? true : undefined;
      });
      await stack.cloud.seed({ imageQuota: { [where]: 2 } });
      return handle;
    },
  },
  { name: 'release-copy-refused', ends: 'COMPLETED', run: (stack) => copyToFull(stack, 'na-ashburn', 'fail') },
  {
    name: 'scheduled-release',
    ends: 'COMPLETED',
    run: (stack) => scheduled(stack, {}),
  },
  {
    name: 'scheduled-release-paused',
    ends: 'FAILED',
    run: (stack) => scheduled(stack, { test: boots }, { action: 'RunInstances', kind: 'launch-fails' }),
  },
  {
    name: 'image-quota-retires',
    ends: 'COMPLETED',
    run: (stack) => quotaThatRetires(stack, 'sa-saopaulo'),
  },
  {
    // Whoever came first of the family is given what it gives up.
    name: 'image-quota-retires-in-turn',
    ends: 'COMPLETED',
    run: (stack) => quotaThatRetires(stack, 'ap-chongqing'),
  },
];

/** A run that somebody cancels while the cloud holds up its promotion: the family gives that up, and rejects the image. */
export async function promotionCancelled(stack: BuildStack) {
  const pipeline = await pipelineOf(stack, { approve: {} }, { dataDisks: 0 });
  const handle = await startRelease(stack, pipeline);
  const { waiting } = await untilRelease(handle, (progress) => progress.waiting !== undefined);
  const { met, release: go } = await stack.cloud.stall('ModifyImageAttribute', waiting!.imageId);
  await handle.executeUpdate(approveUpdate, { args: [{ by: 'Ada' }] });
  await until(async () => ((await met()) ? true : undefined));
  await handle.cancel();
  await handle.result().catch(() => undefined);
  await go();
  return { handle, manifest: await handle.query(releaseQuery) };
}

/** A release that is to go to a region which is full. */
async function copyToFull(stack: BuildStack, where: string, whenFull: 'fail' | 'wait') {
  await stack.cloud.seed({ imageQuota: { [where]: 1 } });
  await fill(stack.cloud, where, ['somebody-elses']);
  return copyTo(stack, where, whenFull);
}

const copyTo = (stack: BuildStack, where: string, whenFull: 'fail' | 'wait') =>
  release({ distribute: { regions: [where] }, room: { whenFull } })(stack);

/** Waits until so many stand in a region's queue. */
const queued = (stack: BuildStack, where: string, waiting: number) =>
  until(async () => {
    const now = await quotaNow(stack, where).catch(() => undefined);
    return now?.queue[waiting - 1]?.position === waiting ? true : undefined;
  });

/** The region is full of the family's images: the oldest goes when the next is to come. */
export async function roomMade(stack: BuildStack, where: string) {
  await stack.cloud.seed({ imageQuota: { [where]: 3 } });
  const more = { region: where, room: { whenFull: 'retire-oldest' }, build: { deadlines: { heartbeat: 2 } } } as const;
  const pipeline = await pipelineOf(stack, more, { region: where, dataDisks: 0 });
  for (const day of [1, 2, 3]) await ended(await startRelease(stack, pipeline, { nominalAt: nightOf(day) }));
  return ended(await startRelease(stack, pipeline, { nominalAt: nightOf(4) }));
}

/** The workflow of a region's quota that has had an image go; it ends when nobody has a slot any more. */
async function quotaThatRetires(stack: BuildStack, where: string) {
  await roomMade(stack, where);
  await untilQuotaEnded(stack, where);
  return quotaOf(stack, where);
}

/** The first time of a schedule, which is paused after one failure. */
async function scheduled(stack: BuildStack, more: Partial<PipelineInput>, fault?: Record<string, unknown>) {
  const pipeline = await pipelineOf(stack, { schedule: { cron: ['0 2 * * *'], pauseAfter: 1 }, ...more });
  if (fault) await stack.cloud.fault({ contains: pipeline.family, ...fault });
  return (await firedSchedule(stack, pipeline)).run;
}

export const nightOf = (day: number) => new Date(Date.UTC(2026, 10, day)).toISOString();
