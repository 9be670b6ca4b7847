import { WithStartWorkflowOperation } from '@temporalio/client';
import { quotaWorkflowType, reserveUpdate, type RoomRequest } from '../../contract';
import type { BuildStack } from '../support/build-stack';
import { failureOf, until } from '../support/judge';
import {
  askAgain,
  familyImages,
  fill,
  quotaOf,
  someoneDeletes,
  startInTurn,
  untilAt,
  untilQuotaEnded,
} from '../support/quota';
import type { Scenario } from './scenarios';

const deadlines = { heartbeat: 2 };
const wait = { whenFull: 'wait' } as const;

/** A region that nobody else builds in, full of others' images. */
async function fullRegion({ cloud }: BuildStack, region: string): Promise<string[]> {
  await cloud.seed({ imageQuota: { [region]: 2 } });
  return fill(cloud, region, ['others-1', 'others-2']);
}

/** Two wait; the first one's turn comes, then the second one's. */
const queuedTwice = (region: string) => async (stack: BuildStack) => {
  const others = await fullRegion(stack, region);
  const first = await startInTurn(stack, region, { deadlines, room: wait });
  const second = await startInTurn(stack, region, { deadlines, room: wait });
  await someoneDeletes(stack.cloud, others[0]!);
  await untilAt(second, 1);
  await first.handle.result();
  await someoneDeletes(stack.cloud, others[1]!);
  return second.handle;
};

/** The cloud refuses the image after all: undone, and waited for once more. */
const refusedAndQueued = async (stack: BuildStack) => {
  const region = 'ap-seoul';
  await stack.cloud.seed({ imageQuota: { [region]: 1 } });
  const { met, release } = await stack.cloud.stall('CreateImage', 'room-');
  const build = await startInTurn(stack, region, { deadlines, room: wait });
  await until(async () => ((await met()) ? true : undefined));
  const [other] = await fill(stack.cloud, region, ['somebody-elses']);
  await release();
  await untilAt(build, 1);
  await someoneDeletes(stack.cloud, other!);
  return build.handle;
};

/** A build that waits in vain. */
const queuedInVain = async (stack: BuildStack) => {
  const region = 'ap-bangkok';
  await fullRegion(stack, region);
  const build = await startInTurn(stack, region, { deadlines, room: { whenFull: 'wait', deadline: 2 } });
  await failureOf(build.handle);
  return build.handle;
};

/** The workflow of the quota itself, from the first build to its end. */
const quotaToItsEnd = async (stack: BuildStack) => {
  const region = 'ap-mumbai';
  await (await queuedTwice(region)(stack)).result();
  await untilQuotaEnded(stack, region);
  return quotaOf(stack, region);
};

/** Who has a slot asks again, while somebody waits that came before: the workflow of the quota. */
const holderAsksAgain = async (stack: BuildStack) => {
  const region = 'ap-nanjing';
  await stack.cloud.seed({ imageQuota: { [region]: 3 } });
  await familyImages(stack.cloud, region, 'web', [{}, {}, {}]);
  const before = await startInTurn(stack, region, { deadlines, room: wait });
  const { met, release } = await stack.cloud.stall('CreateImage', 'web-held');
  const image = { name: 'web-held', family: 'web' };
  const build = await startInTurn(stack, region, { deadlines, image, room: { whenFull: 'retire-oldest' } });
  await until(async () => ((await met()) ? true : undefined));
  await askAgain(stack, region, build);
  await release();
  await build.handle.result();
  await before.handle.cancel();
  await failureOf(before.handle);
  await untilQuotaEnded(stack, region);
  return quotaOf(stack, region);
};

/** Somebody asks until the history is long: the workflow of the quota, up to where it continues as new. */
const askedOften = async (stack: BuildStack) => {
  const region = 'ap-singapore';
  await stack.cloud.seed({ imageQuota: { [region]: 3 } });
  const { met, release } = await stack.cloud.stall('CreateImage', 'held-for-long');
  const build = await startInTurn(stack, region, { deadlines, image: { name: 'held-for-long' }, room: wait });
  await until(async () => ((await met()) ? true : undefined));
  const { workflowId, runId } = await quotaOf(stack, region).describe();
  await until(async () => {
    await askAgain(stack, region, build);
    return (await quotaOf(stack, region).describe()).runId === runId ? undefined : true;
  });
  await release();
  await build.handle.result();
  return stack.client.workflow.getHandle(workflowId, runId, { followRuns: false });
};

/** Whoever asks first has no worker any more: that of the next one is asked. */
const firstIsGone = async (stack: BuildStack) => {
  const region = 'ap-chengdu';
  const { client, taskQueue } = stack;
  const request = (buildId: string, queue: string): RoomRequest => ({
    owner: `test/${buildId}`,
    buildId,
    since: new Date().toISOString(),
    taskQueue: queue,
    heartbeat: 2,
    ...wait,
    refusals: 0,
  });
  const startWorkflowOperation = new WithStartWorkflowOperation(quotaWorkflowType, {
    workflowId: quotaOf(stack, region).workflowId,
    taskQueue,
    args: [{ accountId: '100000000001', region }],
    workflowIdConflictPolicy: 'FAIL',
  });
  const gone = request('gone0000-000000000001', `${taskQueue}-gone`);
  await client.workflow.startUpdateWithStart(reserveUpdate, {
    startWorkflowOperation,
    args: [gone],
    waitForStage: 'ACCEPTED',
  });
  const handle = await startWorkflowOperation.workflowHandle();
  await handle.executeUpdate(reserveUpdate, { args: [request('here0000-000000000001', taskQueue)] });
  await handle.cancel();
  return handle;
};

export const quotaScenarios: Scenario[] = [
  { name: 'queued', ends: 'COMPLETED', run: queuedTwice('ap-tokyo') },
  { name: 'queued-refused', ends: 'COMPLETED', run: refusedAndQueued },
  { name: 'queued-in-vain', ends: 'FAILED', run: queuedInVain },
  { name: 'image-quota', ends: 'COMPLETED', run: quotaToItsEnd },
  { name: 'image-quota-holder', ends: 'COMPLETED', run: holderAsksAgain },
  { name: 'image-quota-next-looks', ends: 'CANCELLED', run: firstIsGone },
  { name: 'image-quota-long', ends: 'CONTINUED_AS_NEW', run: askedOften },
];
