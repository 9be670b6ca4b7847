import type { WorkflowHandle } from '@temporalio/client';
import { randomBytes } from 'node:crypto';
import { retireFamily, rollBack } from '../../client';
import {
  familyQuery,
  familyWorkflowId,
  familyWorkflowType,
  type PipelineInput,
  type Release,
  rejectImageUpdate,
} from '../../contract';
import type { BuildStack } from '../support/build-stack';
import { until } from '../support/judge';
import { ended, pipelineOf, region, startRelease } from '../support/releases';
import { nightOf, promotionCancelled, roomMade } from './release-scenarios';
import type { Scenario } from './scenarios';

const accountId = '100000000001';
const place = { region, heartbeat: 20 };
const partner = '100000000002';
const refusal = { kind: 'error', code: 'InvalidParameterValue', message: 'not today', when: 'before' };

/** Runs of a pipeline, night after night. */
async function nights(stack: BuildStack, count: number, more: Partial<PipelineInput>, dataDisks = 0) {
  const pipeline = await pipelineOf(stack, more, { dataDisks });
  const made: Release[] = [];
  for (let day = 1; day <= count; day += 1)
    made.push(await ended(await startRelease(stack, pipeline, { nominalAt: nightOf(day) })));
  return { pipeline, made };
}

/** The workflow of a family lives on: it ends when somebody cancels it. */
async function cancelled({ client }: BuildStack, family: string): Promise<WorkflowHandle> {
  const handle = client.workflow.getHandle(familyWorkflowId(accountId, family));
  await handle.cancel();
  return handle;
}

/** The same, once it has seen to everything of this kind that is left to do. */
async function cancelledWhenDone(stack: BuildStack, family: string, kind: 'trailing' | 'unshared') {
  const handle = stack.client.workflow.getHandle(familyWorkflowId(accountId, family));
  await until(async () => ((await handle.query(familyQuery))[kind]?.length === 0 ? true : undefined));
  return cancelled(stack, family);
}

/** What happens to families: promoted, rolled back, rejected, retired, given up. */
export const familyScenarios: Scenario[] = [
  {
    name: 'image-family',
    ends: 'CANCELLED',
    run: async (stack) => {
      // The third retires the first; then the second is current again.
      const { family } = (await nights(stack, 3, { retire: { keep: 1 } })).pipeline;
      const { client, taskQueue } = stack;
      await rollBack(client, { accountId, family, taskQueue }, { place, by: 'Ada' });
      return cancelled(stack, family);
    },
  },
  {
    name: 'image-family-gives-up',
    ends: 'CANCELLED',
    run: async (stack) => cancelled(stack, (await promotionCancelled(stack)).manifest.family),
  },
  {
    name: 'image-family-makes-room',
    ends: 'CANCELLED',
    run: async (stack) => cancelled(stack, (await roomMade(stack, 'na-siliconvalley')).family),
  },
  {
    // What is retired was shared, and has snapshots of its own.
    name: 'image-family-everywhere',
    ends: 'CANCELLED',
    run: async (stack) => {
      const everywhere = { distribute: { regions: ['ap-beijing'], accounts: [partner] }, retire: { keep: 1 } };
      const { pipeline } = await nights(stack, 3, everywhere, 1);
      return cancelled(stack, pipeline.family);
    },
  },
  {
    // What was to become current again takes no change, and could not be shared again at once.
    name: 'image-family-shares-again',
    ends: 'CANCELLED',
    run: async (stack) => {
      const { pipeline, made } = await nights(stack, 2, { distribute: { accounts: [partner] } });
      const ImageId = made[0]!.images[0]!.imageId;
      await stack.cloud.fault({ action: 'ModifyImageAttribute', match: { ImageId }, ...refusal });
      const share = { ImageId, Permission: 'SHARE' };
      await stack.cloud.fault({ action: 'ModifyImageSharePermission', match: share, ...refusal });
      const about = { accountId, family: pipeline.family, taskQueue: stack.taskQueue };
      await rollBack(stack.client, about, { place, by: 'Ada' }).catch(() => undefined);
      return cancelled(stack, pipeline.family);
    },
  },
  {
    // The workflow before was ended while a shared image was changed; the next change of it is remembered.
    name: 'image-family-unshared',
    ends: 'CANCELLED',
    run: async (stack) => {
      const { pipeline, made } = await nights(stack, 2, { distribute: { accounts: [partner] } });
      const { family } = pipeline;
      const { client, taskQueue } = stack;
      const workflowId = familyWorkflowId(accountId, family);
      await client.workflow.getHandle(workflowId).terminate('by hand');
      const unshared = [{ place, imageId: made[1]!.images[0]!.imageId, accounts: [partner] }];
      await client.workflow.start(familyWorkflowType, {
        workflowId,
        taskQueue,
        args: [{ accountId, family, unshared }],
      });
      await rollBack(client, { accountId, family, taskQueue }, { place, by: 'Ada' });
      return cancelled(stack, family);
    },
  },
  {
    // What whoever came before had unshared cannot be shared again at once.
    name: 'image-family-shares-tried-again',
    ends: 'CANCELLED',
    run: async (stack) => {
      const { client, taskQueue, cloud } = stack;
      const key = randomBytes(4).toString('hex');
      const [family, imageId] = [`web-${key}`, `img-${key}`];
      const refused = { kind: 'error', code: 'InvalidParameter', message: 'not today', times: 1000 };
      await cloud.fault({ action: 'DescribeImages', contains: imageId, ...refused });
      const handle = await client.workflow.start(familyWorkflowType, {
        workflowId: familyWorkflowId(accountId, family),
        taskQueue,
        args: [{ accountId, family, unshared: [{ place, imageId, accounts: [partner] }] }],
      });
      await until(async () => {
        const { unshared } = await handle.query(familyQuery);
        return unshared?.[0]?.tries === 1 ? true : undefined;
      });
      return cancelled(stack, family);
    },
  },
  {
    // The one before keeps its mark at first: the rollback is done, and the mark is seen to after it.
    name: 'image-family-left-marked',
    ends: 'CANCELLED',
    run: async (stack) => {
      const { pipeline, made } = await nights(stack, 2, {});
      const before = made[1]!.images[0]!.imageId;
      await stack.cloud.fault({ action: 'TagResources', contains: `image/${before}`, ...refusal });
      const about = { accountId, family: pipeline.family, taskQueue: stack.taskQueue };
      await rollBack(stack.client, about, { place, by: 'Ada' });
      return cancelledWhenDone(stack, pipeline.family, 'trailing');
    },
  },
  {
    // What was to go stays, and could not be shared again at once.
    name: 'image-family-lost-shares-again',
    ends: 'CANCELLED',
    run: async (stack) => {
      const { pipeline, made } = await nights(stack, 3, { distribute: { accounts: [partner] } });
      const imageId = made[0]!.images[0]!.imageId;
      await stack.cloud.fault({ action: 'DeleteImages', contains: imageId, ...refusal });
      const match = { ImageId: imageId, Permission: 'SHARE' };
      await stack.cloud.fault({ action: 'ModifyImageSharePermission', match, ...refusal, times: 2 });
      const about = { accountId, family: pipeline.family, taskQueue: stack.taskQueue };
      const rules = { keep: 1, youngerThan: 0, keepRejected: 0, now: nightOf(9), dryRun: false };
      await retireFamily(stack.client, about, { place, ...rules });
      return cancelledWhenDone(stack, pipeline.family, 'unshared');
    },
  },
  {
    // Whoever rejects what is current already is told so.
    name: 'image-family-keeps-current',
    ends: 'CANCELLED',
    run: async (stack) => {
      const { pipeline, made } = await nights(stack, 1, {});
      const { imageId, name } = made[0]!.images[0]!;
      const handle = stack.client.workflow.getHandle(familyWorkflowId(accountId, pipeline.family));
      const rejection = { place, imageId, name, at: nightOf(1), keepFor: 0 };
      await handle.executeUpdate(rejectImageUpdate, { args: [rejection] }).catch(() => undefined);
      return cancelled(stack, pipeline.family);
    },
  },
  {
    // What it cannot see to now is for later.
    name: 'image-family-tries-again',
    ends: 'CANCELLED',
    run: async (stack) => {
      const { client, taskQueue, cloud } = stack;
      const key = randomBytes(4).toString('hex');
      const [family, copied] = [`web-${key}`, `img-${key}`];
      const refused = { kind: 'error', code: 'InvalidParameter', message: 'not today', times: 1000 };
      for (const contains of [family, copied]) await cloud.fault({ action: 'DescribeImages', contains, ...refused });
      const doomed = { place, imageId: 'img-doomed01', name: 'doomed', at: nightOf(1) };
      const handle = await client.workflow.start(familyWorkflowType, {
        workflowId: familyWorkflowId(accountId, family),
        taskQueue,
        args: [{ accountId, family, doomed: [doomed], trailing: [{ place, imageIds: [copied] }] }],
      });
      await until(async () => {
        const { trailing, doomed } = await handle.query(familyQuery);
        return trailing?.[0]?.tries === 1 && doomed[0]?.tries === 1 ? true : undefined;
      });
      return cancelled(stack, family);
    },
  },
];
