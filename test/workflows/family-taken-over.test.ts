import { Client as CbsClient } from 'tencentcloud-sdk-nodejs/tencentcloud/services/cbs/v20170312/cbs_client';
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { takenOver } from '../../activities/engine/entity';
import { listFamily, rollBack } from '../../client';
import { familyMemo, familyQuery, type FamilyState, familyWorkflowId, familyWorkflowType } from '../../contract';
import { type BuildStack, startBuildStack } from '../support/build-stack';
import { until } from '../support/judge';
import { pipelineOf, region, release } from '../support/releases';

const accountId = '100000000001';
const place = { region, heartbeat: 5 };

/** The workflow of a family is bound to the task queue of whoever asked it first, and that may be gone for good. */
describe('a family whose workers are gone', { concurrency: 3 }, () => {
  let stack: BuildStack;
  before(async () => {
    stack = await startBuildStack();
    await stack.cloud.seed({ imageQuota: { [region]: 200 } });
  });
  after(() => stack.stop());

  const handleOf = (family: string) => stack.client.workflow.getHandle(familyWorkflowId(accountId, family));
  /** Nobody has ever polled this queue. */
  const abandon = async (family: string, state: FamilyState = {}) => {
    const taskQueue = `gone-${randomBytes(4).toString('hex')}`;
    await stack.client.workflow.start(familyWorkflowType, {
      workflowId: familyWorkflowId(accountId, family),
      taskQueue,
      args: [{ accountId, family }],
      memo: { [familyMemo]: state },
    });
    return taskQueue;
  };
  /** As if its image were gone. */
  const snapshotOf = async (instanceId: string) => {
    const { disks } = await stack.cloud.state(region);
    const disk = disks.find((one) => one.instanceId === instanceId)!;
    const cbs = new CbsClient({
      credential: { secretId: 'AKIDsimulator', secretKey: 'simulator' },
      region,
      profile: { httpProfile: { protocol: 'http://', endpoint: new URL(stack.cloud.url).host } },
    });
    const { SnapshotId } = await cbs.CreateSnapshot({ DiskId: disk.id });
    return SnapshotId!;
  };
  const doomed = () => ({
    place,
    imageId: 'img-doomed01',
    name: 'doomed',
    at: new Date(Date.now() + 3_600_000).toISOString(),
  });

  test('goes on on the task queue of the release that asks, with what only it knew', async () => {
    const pipeline = await pipelineOf(stack, { deadlines: { heartbeat: 2 } }, { dataDisks: 0 });
    const { instanceId } = pipeline.source as { instanceId: string };
    const orphan = await snapshotOf(instanceId);
    const orphaned = [{ place, imageId: 'img-gone0001', snapshotIds: [orphan] }];
    await abandon(pipeline.family, { doomed: [doomed()], orphaned });
    const made = await release(stack, pipeline);
    assert.equal(made.outcome, 'released');
    const { taskQueue } = await handleOf(pipeline.family).describe();
    assert.equal(taskQueue, stack.taskQueue);
    const { doomed: known } = await handleOf(pipeline.family).query(familyQuery);
    assert.deepEqual(
      known.map(({ imageId }) => imageId),
      ['img-doomed01'],
    );
    // What nobody else would find goes.
    await until(async () => {
      const { snapshots } = await stack.cloud.state(region);
      return snapshots.some(({ id }) => id === orphan) ? undefined : true;
    });
    // It is remembered for the next one as well.
    const { memo } = await handleOf(pipeline.family).describe();
    assert.equal((memo?.[familyMemo] as FamilyState).doomed?.[0]?.imageId, 'img-doomed01');
  });

  test('gives back what was unshared for a change when it was ended', async () => {
    const partner = '100000000002';
    const pipeline = await pipelineOf(stack, { distribute: { accounts: [partner] } }, { dataDisks: 0 });
    const { family } = pipeline;
    const made = [await release(stack, pipeline), await release(stack, pipeline)];
    const [first, second] = made.map(({ images: [image] }) => image!.imageId) as [string, string];
    const sharesOf = async (imageId: string) => {
      const { images } = await stack.cloud.state(region);
      const shares = images.find(({ id }) => id === imageId)!.shares as { account: string }[];
      return shares.map(({ account }) => account);
    };
    const { met, release: go } = await stack.cloud.stall('ModifyImageAttribute', second);
    const about = { accountId, family, taskQueue: stack.taskQueue };
    const rolling = rollBack(stack.client, about, { place, by: 'Ada' }).catch(() => undefined);
    await until(async () => ((await met()) ? true : undefined));
    assert.deepEqual([await sharesOf(first), await sharesOf(second)], [[partner], []]);
    const { memo } = await handleOf(family).describe();
    const unshared = [{ place, imageId: second, accounts: [partner] }];
    assert.deepEqual((memo?.[familyMemo] as FamilyState).unshared, unshared);
    await handleOf(family).terminate('by hand');
    await go();
    await rolling;
    await rollBack(stack.client, about, { place, by: 'Ada', to: first }).catch(() => undefined);
    assert.deepEqual(await until(async () => ((await sharesOf(second)).length > 0 ? sharesOf(second) : undefined)), [
      partner,
    ]);
    const after = await handleOf(family).query(familyQuery);
    assert.deepEqual([after.unshared, await sharesOf(first)], [[], [partner]]);
  });

  test('stays where it is while a worker there has asked for work of late, however slow its answer', async () => {
    const family = `web-${randomBytes(4).toString('hex')}`;
    const taskQueue = await abandon(family);
    const { client } = stack;
    // A worker that takes the task, and never answers.
    const { taskToken } = await client.withDeadline(Date.now() + 60_000, () =>
      client.workflowService.pollWorkflowTaskQueue({
        namespace: client.options.namespace,
        taskQueue: { name: taskQueue },
        identity: 'slow',
      }),
    );
    assert.ok(taskToken.length > 0);
    const before = await handleOf(family).describe();
    assert.equal(await takenOver(client, before, stack.taskQueue), false);
    assert.equal((await handleOf(family).describe()).status.name, 'RUNNING');
    // Once it has not asked for longer than a worker that lives would, it is gone.
    assert.equal(await takenOver(client, before, stack.taskQueue, 0), true);
    assert.equal((await handleOf(family).describe()).status.name, 'TERMINATED');
  });

  test('goes on on the task queue of the command that asks', async () => {
    const pipeline = await pipelineOf(stack, {}, { dataDisks: 0 });
    const [first] = [await release(stack, pipeline), await release(stack, pipeline)];
    const { family } = pipeline;
    await handleOf(family).terminate('as if it had been somewhere else');
    await abandon(family);
    const about = { accountId, family, taskQueue: stack.taskQueue, patience: { take: 2, answer: 60 } };
    const done = await rollBack(stack.client, about, { place, by: 'Ada' });
    assert.equal(done.imageId, first.images[0]!.imageId);
  });

  test('without a worker of ours either, a command says so in time, and what to do', async () => {
    const family = `web-${randomBytes(4).toString('hex')}`;
    const taskQueue = await abandon(family);
    const about = { accountId, family, taskQueue, patience: { take: 1, answer: 60 } };
    await assert.rejects(rollBack(stack.client, about, { place, by: 'Ada' }), (error: Error) => {
      assert.equal(error.name, 'NoWorkerError');
      assert.match(
        error.message,
        new RegExp(`^image-family/${accountId}/${family}, .* within 1 s: no worker of its task queue ${taskQueue}`),
      );
      assert.match(error.message, /Start one \(cvm-image worker\)/);
      return true;
    });
  });

  test('a command does not wait forever for what is held up, and says what that is', async () => {
    const pipeline = await pipelineOf(stack, {}, { dataDisks: 0 });
    const [first] = [await release(stack, pipeline), await release(stack, pipeline)];
    const { family } = pipeline;
    await listFamily(stack.client, { region, family }, { taskQueue: stack.taskQueue });
    const { release: go } = await stack.cloud.stall('TagResources', `image/${first.images[0]!.imageId}`);
    const about = { accountId, family, taskQueue: stack.taskQueue, patience: { take: 15, answer: 2 } };
    await assert.rejects(rollBack(stack.client, about, { place, by: 'Ada' }), (error: Error) => {
      assert.match(error.message, /has taken the request \(rollback\), and has not done it within 2 s/);
      assert.match(error.message, /It is at: roll back in ap-guangzhou, asked by Ada/);
      return true;
    });
    await go();
  });
});
