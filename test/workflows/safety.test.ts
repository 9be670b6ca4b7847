import { ApplicationFailure } from '@temporalio/common';
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { type BuildSpecInput, buildWorkflowId, buildWorkflowType, checkSpec, tagKeys } from '../../contract';
import { resetBuild } from '../durability/harness/people';
import { region, startActivityBench } from '../support/activity';
import { type BuildStack, startBuildStack } from '../support/build-stack';
import { assertClean, assertSource, failureOf, ids, resourcesOf, until, untilProgress } from '../support/judge';
import { resetRun } from '../support/reset';
import { killProcess, startWorkerProcess } from '../support/worker';

const launch = { zone: 'ap-guangzhou-3' };

describe('what a build must never do', { concurrency: 4 }, () => {
  let stack: BuildStack;
  before(async () => {
    stack = await startBuildStack();
    await stack.cloud.seed({ imageQuota: { [region]: 200 } });
  });
  after(() => stack.stop());

  const start = (instanceId: string, spec: Partial<BuildSpecInput> = {}) =>
    stack.start({ region, instanceId, image: { name: `safe-${instanceId}` }, ...spec });

  const fired = async (id: string) =>
    assert.ok(
      (await stack.cloud.calls()).some(({ faults }) => faults.includes(id)),
      'the fault fired',
    );

  for (const [step, action] of [
    ['inspectSource', 'DescribeDisks'],
    ['shutdownInstance', 'DescribeImages'],
    ['pollImage', 'DescribeImages'],
    ['launchInstance', 'TagResources'],
  ] as const) {
    test(`a build that is reset to ${step} and cancelled there removes nothing that was kept`, async () => {
      const instanceId = await stack.instance({ region, dataDisks: 1 });
      const handle = await start(instanceId, { launch });
      await handle.result();
      const kept = await resourcesOf(stack.cloud, region, instanceId);
      const contains = {
        inspectSource: instanceId,
        // It looks for what is kept of the build.
        shutdownInstance: `/${instanceId.slice(4)}-`,
        pollImage: kept.images[0]!.id,
        launchInstance: kept.instances[0]!.id,
      }[step];
      const { met, release } = await stack.cloud.stall(action, contains);
      await resetBuild(stack.client, handle.workflowId, (names) => names.indexOf(step));
      const again = stack.client.workflow.getHandle(handle.workflowId);
      await until(async () => ((await met()) ? true : undefined));
      await again.cancel();
      await untilProgress(again, ({ phase }) => phase === 'undoing' || phase === 'cancelled');
      await release();
      const failure = await failureOf(again);
      const left = await resourcesOf(stack.cloud, region, instanceId);
      assertSource(left.source);
      assert.deepEqual(ids(left.images), ids(kept.images));
      assert.deepEqual(ids(left.snapshots), ids(kept.snapshots));
      assert.deepEqual(ids(left.instances), ids(kept.instances));
      assert.deepEqual(ids(left.disks), ids(kept.disks));
      assert.deepEqual(
        failure.resources.filter(({ fate }) => fate !== 'kept'),
        [],
      );
    });
  }

  test('a reset build that is cancelled at once starts the source and undoes what the run before made', async () => {
    const instanceId = await stack.instance({ region, dataDisks: 1 });
    const name = `safe-${instanceId}`;
    await stack.cloud.fault({ action: 'CreateImage', contains: name, kind: 'image-never-finishes' });
    const handle = await start(instanceId);
    const { imageId } = await untilProgress(handle, ({ steps }) =>
      steps.some(({ step, state }) => step === 'pollImage' && state === 'running'),
    );
    const { met, release } = await stack.cloud.stall('DescribeDisks', instanceId);
    const again = await resetRun(stack.client, handle.workflowId);
    await until(async () => ((await met()) ? true : undefined));
    await again.cancel();
    await stack.cloud.send('POST', 'interfere', { act: 'finish-image', id: imageId });
    const failure = await failureOf(again);
    await release();
    assert.equal(failure.cancelled, true);
    await assertClean(stack.cloud, region, instanceId);
    assert.ok(failure.resources.some(({ id, fate }) => id === imageId && fate === 'deleted'));
  });

  test("a worker with another account's credentials does not take the build for gone", async () => {
    const instanceId = await stack.instance({ region });
    await stack.cloud.fault({ action: 'CreateImage', contains: `safe-${instanceId}`, kind: 'image-never-finishes' });
    const place = { temporal: stack.temporal, taskQueue: `other-${instanceId}`, endpoint: stack.cloud.url };
    const first = await startWorkerProcess(place);
    const image = { name: `safe-${instanceId}` };
    const handle = await stack.client.workflow.start(buildWorkflowType, {
      taskQueue: place.taskQueue,
      workflowId: buildWorkflowId(region, instanceId),
      args: [{ region, instanceId, image, deadlines: { heartbeat: 2 } }],
    });
    await untilProgress(handle, ({ steps }) =>
      steps.some(({ step, state }) => step === 'pollImage' && state === 'running'),
    );
    await killProcess(first);
    const second = await startWorkerProcess(place, { id: 'AKIDsimulator2', secret: 'simulator2' });
    await until(async () => {
      const { raw } = await handle.describe();
      const told = raw.pendingActivities?.some(({ lastFailure }) => lastFailure?.message?.includes('began in account'));
      return told === true ? true : undefined;
    });
    await killProcess(second);
    const { images } = await resourcesOf(stack.cloud, region, instanceId);
    await stack.cloud.send('POST', 'interfere', { act: 'finish-image', id: images[0]!.id });
    const third = await startWorkerProcess(place);
    await handle.result();
    await killProcess(third);
    assertSource((await resourcesOf(stack.cloud, region, instanceId)).source);
  });

  for (const onFailure of ['cleanup', 'keep'] as const) {
    test(`a snapshot that is made while another one is refused is not forgotten (${onFailure})`, async () => {
      const instanceId = await stack.instance({ region, dataDisks: 2 });
      const contains = `/${instanceId.slice(4)}-`;
      const refused = await stack.cloud.fault({
        action: 'CreateSnapshot',
        contains,
        kind: 'error',
        code: 'InsufficientSnapshotQuota',
        message: 'quota',
      });
      const late = await stack.cloud.fault({
        action: 'CreateSnapshot',
        contains,
        kind: 'delay',
        milliseconds: 1000,
        nth: 2,
      });
      const failure = await failureOf(await start(instanceId, { onFailure }));
      await fired(refused);
      await fired(late);
      assert.equal(failure.code, 'InsufficientSnapshotQuota');
      const left = await resourcesOf(stack.cloud, region, instanceId);
      assertSource(left.source);
      assert.equal(left.snapshots.length, onFailure === 'keep' ? 1 : 0);
      assert.deepEqual(
        failure.resources.map(({ fate }) => fate),
        [onFailure === 'keep' ? 'kept' : 'deleted'],
      );
      for (const { tags } of left.snapshots) assert.equal(tags[tagKeys.state], 'kept');
    });
  }

  test('a stop that arrives when the build has given up does not leave the source down', async () => {
    const instanceId = 'ins-late0001';
    const slow = await startBuildStack({ settings: { settleSeconds: 6 } });
    try {
      await slow.cloud.seed({ instances: [{ id: instanceId, region }] });
      // The step's time is over long before the request arrives; a request may take 5 s here, and the settle window is longer.
      const late = await slow.cloud.fault({
        action: 'StopInstances',
        contains: instanceId,
        kind: 'delay',
        when: 'before',
        milliseconds: 4000,
      });
      const spec = { region, instanceId, image: { name: `late-${instanceId}` }, deadlines: { shutdownInstance: 1 } };
      const failure = await failureOf(await slow.start(spec));
      assert.equal(failure.step, 'shutdownInstance');
      const calls = await slow.cloud.calls({ action: 'StopInstances' });
      assert.ok(
        calls.some(({ faults, applied }) => applied && faults.includes(late)),
        'the late stop arrived',
      );
      await assertClean(slow.cloud, region, instanceId);
    } finally {
      await slow.stop();
    }
  });

  test('a build under another workflow ID is refused: the ID is the lock', async () => {
    const instanceId = await stack.instance({ region });
    const handle = await stack.client.workflow.start(buildWorkflowType, {
      taskQueue: stack.taskQueue,
      workflowId: `my-build-${instanceId}`,
      args: [{ region, instanceId, image: { name: `safe-${instanceId}` } }],
    });
    await assert.rejects(handle.result(), (error: Error) => {
      assert.match(String(error.cause), new RegExp(`must have the workflow ID build-image/${region}/${instanceId}`));
      return true;
    });
    const stops = await stack.cloud.calls({ action: 'StopInstances' });
    assert.ok(!stops.some(({ resources }) => resources.includes(instanceId)));
  });

  test('a step that fails of something else while the build is cancelled is a cancellation', async () => {
    const instanceId = await stack.instance({ region });
    // The refusal arrives after the cancellation: the call is held until that has been asked for.
    const contains = `safe-${instanceId}`;
    const id = await stack.cloud.fault({ action: 'CreateImage', contains, kind: 'pause', when: 'before' });
    const handle = await start(instanceId, { onFailure: 'keep' });
    await until(async () => {
      const { fired: times } = (await stack.cloud.send('GET', `faults/${id}`)) as { fired: number };
      return times > 0 ? true : undefined;
    });
    await stack.cloud.seed({ images: [{ region, name: contains }] });
    await handle.cancel();
    await until(async () =>
      (await handle.describe()).raw.workflowExtendedInfo?.cancelRequested === true ? true : undefined,
    );
    await stack.cloud.send('POST', `faults/${id}/release`);
    const failure = await failureOf(handle);
    await fired(id);
    assert.equal(failure.cancelled, true);
    await assertClean(stack.cloud, region, instanceId);
  });

  test('a usable image is kept though its source cannot be started yet', async () => {
    const instanceId = await stack.instance({ region });
    const { met, release } = await stack.cloud.stall('StartInstances', instanceId);
    const spec = { restartSource: 'when-allowed', deadlines: { build: 6 } } as const;
    const handle = await start(instanceId, spec);
    await until(async () => ((await met()) ? true : undefined));
    await untilProgress(handle, ({ phase }) => phase === 'undoing');
    await release();
    const failure = await failureOf(handle);
    assert.equal(failure.code, 'DeadlineExceeded');
    const { images, source } = await resourcesOf(stack.cloud, region, instanceId);
    assertSource(source);
    assert.deepEqual(
      images.map(({ state, tags }) => [state, tags[tagKeys.state]]),
      [['NORMAL', 'kept']],
    );
    // What the cloud made for the image by itself is listed, too.
    assert.deepEqual(failure.resources.map(({ type, fate }) => `${type} ${fate}`).sort(), [
      'image kept',
      'snapshot kept',
    ]);
  });
});

describe('an activity that is asked for by itself', () => {
  test('is held to what the worker allows', async () => {
    const bench = await startActivityBench({
      allow: { regions: ['ap-guangzhou'], roles: [], sourceTag: { key: 'golden' } },
    });
    try {
      const build = await bench.build();
      const check = checkSpec({ region, instanceId: build.instanceId, image: { name: 'x' } });
      assert.ok(check.ok);
      const source = {
        ...(await bench.source(await bench.build({ tags: { golden: 'yes' } }))),
        instanceId: build.instanceId,
      };
      const refused = async (asked: Promise<unknown>) =>
        assert.rejects(asked, (error: unknown) => error instanceof ApplicationFailure && error.type === 'NotAllowed');
      await refused(bench.run('shutdownInstance', { build, source, stopType: 'SOFT_FIRST' }));
      const image = { generation: 1, name: 'x', tags: {}, sysprep: false } as const;
      await refused(bench.run('createImage', { build, ...image, from: { kind: 'instance', dataDiskIds: [] } }));
      const elsewhere = { ...build, region: 'ap-singapore' };
      await refused(bench.run('checkQuota', { build: elsewhere, imageName: 'x' }));
      const role = { ...build, roleArn: 'qcs::cam::uin/100000000001:roleName/ImageBuilder' };
      await refused(bench.run('checkQuota', { build: role, imageName: 'x' }));
      const calls = await bench.cloud.calls();
      const touching = calls.filter(({ action }) => !/^(Describe|Get)/.test(action));
      assert.deepEqual(touching, []);
    } finally {
      await bench.stop();
    }
  });
});
