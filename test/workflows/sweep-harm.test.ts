import { InterceptingCall, type Interceptor, Metadata, status } from '@grpc/grpc-js';
import { Client, Connection, type WorkflowHandle } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { type BuildSpecInput, buildIdOf, tagKeys } from '../../contract';
import { untilTrue } from '../../dev/until';
import { startActivityBench } from '../support/activity';
import { type BuildStack, startBuildStack } from '../support/build-stack';
import { buildOne, region, startLaunch } from '../support/images';
import { assertClean, assertSource, failureOf, ids, resourcesOf, until } from '../support/judge';
import { resetRun } from '../support/reset';
import { assertSpared, leftOf, lookedAt, sweep } from '../support/sweep';

// One after the other: a sweep takes what other tests leave, too.
describe('what a sweep must never do', { concurrency: 1 }, () => {
  let stack: BuildStack;
  before(async () => {
    stack = await startBuildStack();
    await stack.cloud.seed({ imageQuota: { [region]: 200 } });
  });
  after(() => stack.stop());

  const start = (instanceId: string, spec: Partial<BuildSpecInput> = {}) =>
    stack.start({ region, instanceId, image: { name: `safe-${instanceId}` }, ...spec });

  /** A build that is held in its CreateImage, with its source down and snapshots taken. */
  async function heldBuild(spec: Partial<BuildSpecInput> = {}) {
    const instanceId = await stack.instance({ region, dataDisks: 1 });
    const { met, release } = await stack.cloud.stall('CreateImage', instanceId.slice(4));
    const build = await start(instanceId, spec);
    await until(async () => ((await met()) ? true : undefined));
    return { instanceId, build, release, buildId: await idOf(build, instanceId) };
  }

  async function idOf(build: WorkflowHandle, instanceId: string): Promise<string> {
    const { raw, runId } = await build.describe();
    return buildIdOf(instanceId, raw.workflowExecutionInfo?.firstRunId ?? runId);
  }

  /** Everything of a source, as it stands in the cloud. */
  async function worldOf(instanceId: string) {
    const { source, images, snapshots, implicit } = await resourcesOf(stack.cloud, region, instanceId);
    return { state: source?.state, tags: source?.tags, all: ids([...images, ...snapshots, ...implicit]) };
  }

  for (const end of ['completed', 'cancelled'] as const) {
    test(`start a source that its owner stopped after a build that was ${end}, whose restore tag could not be removed`, async () => {
      const { instanceId, build, release, buildId } = await heldBuild();
      const fired = await stack.cloud.refuseUntagging(instanceId);
      if (end === 'cancelled') await build.cancel();
      await release();
      if (end === 'completed') await build.result();
      else assert.equal((await failureOf(build)).cancelled, true);
      await fired();
      const { state, tags } = await worldOf(instanceId);
      assert.deepEqual([state, tags?.[tagKeys.restore]], ['RUNNING', `test/${buildId}`]);
      await stack.cloud.send('POST', 'interfere', { act: 'stop-instance', id: instanceId });
      assertSpared(await lookedAt(stack, buildId, { apply: true }), /somebody has stopped it since/);
      const starts = (await stack.cloud.calls({ action: 'StartInstances' })).filter(
        ({ resources, applied }) => applied && resources.includes(instanceId),
      );
      assert.equal(starts.length, 1, 'its build started it, and nobody else');
      assert.equal((await worldOf(instanceId)).state, 'STOPPED');
    });
  }

  test('touch another installation on the same account', async () => {
    const buildId = 'web00099-0123456789ab';
    const tags = { [tagKeys.build]: `prod/${buildId}`, [tagKeys.state]: 'pending' };
    // One whose name begins like ours is another one, too.
    const nested = { ...tags, [tagKeys.build]: `test/eu/${buildId}` };
    await stack.cloud.seed({
      instances: [
        { region, id: 'ins-web00099', state: 'STOPPED', tags: { [tagKeys.restore]: `prod/${buildId}` } },
        { region, id: 'ins-web00098', state: 'STOPPED', tags: { [tagKeys.restore]: `test/eu/${buildId}` } },
        { region, id: 'ins-web00097', tags },
      ],
      images: [
        { region, id: 'img-other097', name: 'of prod', tags },
        { region, id: 'img-other098', name: 'of test/eu', tags: nested },
      ],
    });
    const before = await stack.cloud.state(region);
    const report = await sweep(stack, { apply: true });
    const after = await stack.cloud.state(region);
    for (const id of ['ins-web00099', 'ins-web00098', 'ins-web00097', 'img-other097', 'img-other098']) {
      assert.ok(!report.leftovers.some((one) => one.id === id));
      const of = ({ instances, images }: typeof before) => [...instances, ...images].find((one) => one.id === id);
      assert.deepEqual(of(after), of(before));
    }
  });

  test('delete what nobody knows whose build is: its history is gone', async () => {
    const { instanceId, build, release, buildId } = await heldBuild();
    await build.terminate('a test');
    await lookedAt(stack, buildId);
    const { runId } = await build.describe();
    const { workflowService, options } = stack.client;
    await workflowService.deleteWorkflowExecution({
      namespace: options.namespace,
      workflowExecution: { workflowId: build.workflowId, runId },
    });
    // The dev server takes half a minute to do it.
    const isGone = () =>
      build.describe().then(
        () => false,
        () => true,
      );
    await untilTrue(isGone, 90_000);
    const before = await worldOf(instanceId);
    const report = leftOf(await sweep(stack, { apply: true }), buildId);
    assertSpared(report, /no history of its build/);
    assert.deepEqual(report.map(({ type }) => type).sort(), ['instance', 'snapshot']);
    assert.deepEqual(await worldOf(instanceId), before);
    await release();
  });

  test('disturb a build that is starting or at work', async () => {
    const instanceId = await stack.instance({ region, dataDisks: 1 });
    const build = await start(instanceId, { launch: { zone: 'ap-guangzhou-3' } });
    let over = false;
    const result = build.result().finally(() => (over = true));
    result.catch(() => undefined);
    let sweeps = 0;
    do {
      const report = await sweep(stack, { apply: true });
      assert.ok(leftOf(report, await idOf(build, instanceId)).every(({ plan }) => plan === 'report'));
      sweeps += 1;
    } while (!over);
    const { image, snapshots, instance } = await result;
    assert.ok(sweeps > 3, `${sweeps} sweeps`);
    const left = await resourcesOf(stack.cloud, region, instanceId);
    assertSource(left.source);
    assert.deepEqual(
      [ids(left.images), ids(left.snapshots), ids(left.instances)],
      [[image.imageId], snapshots.map(({ snapshotId }) => snapshotId), [instance!.instanceId]],
    );
    assert.deepEqual(
      (await stack.cloud.calls({ action: 'CreateImage' })).filter(({ resources }) => resources.includes(image.imageId))
        .length,
      1,
    );
  });

  test('take a build that was reset for over: its first run is closed, it lives on', async () => {
    const { instanceId, build, release, buildId } = await heldBuild();
    const { runId } = await build.describe();
    await resetRun(stack.client, build.workflowId);
    assert.equal((await stack.client.workflow.getHandle(build.workflowId, runId).describe()).status.name, 'TERMINATED');
    for (let sweeps = 0; sweeps < 3; sweeps += 1) {
      const report = await sweep(stack, { apply: true });
      assert.deepEqual(leftOf(report, buildId), []);
      assert.ok(report.openBuilds.includes(buildId));
    }
    await release();
    const again = stack.client.workflow.getHandle(build.workflowId);
    await again.result();
    assert.equal(await idOf(again, instanceId), buildId);
    assertSource((await resourcesOf(stack.cloud, region, instanceId)).source);
  });

  /** A sweep of what a terminated build left, that has looked and is about to start the source; what happens then is done meanwhile. */
  async function betweenLookAndAct(meanwhile: (left: { build: WorkflowHandle; snapshotId: string }) => Promise<void>) {
    const { instanceId, build, release, buildId } = await heldBuild();
    const { runId } = await build.describe();
    await build.terminate('a test');
    await lookedAt(stack, buildId);
    const snapshotId = (await resourcesOf(stack.cloud, region, instanceId)).snapshots[0]!.id;
    const start = await stack.cloud.stall('StartInstances', instanceId.slice(4));
    const sweeping = sweep(stack, { apply: true });
    await until(async () => ((await start.met()) ? true : undefined));
    await meanwhile({ build: stack.client.workflow.getHandle(build.workflowId, runId), snapshotId });
    await start.release();
    const report = await sweeping;
    await release();
    return { instanceId, build, buildId, snapshotId, left: leftOf(report, buildId) };
  }

  test('delete what has been tagged as kept since it looked', async () => {
    const { left, snapshotId, instanceId } = await betweenLookAndAct(async ({ snapshotId: id }) => {
      await stack.cloud.send('POST', 'interfere', { act: 'retag', id, tags: { [tagKeys.state]: 'kept' } });
    });
    const spared = left.find(({ id }) => id === snapshotId)!;
    assert.deepEqual([spared.plan, spared.outcome], ['delete', 'left']);
    assert.match(spared.problem!, /no longer carries the tags/);
    const { snapshots, source } = await resourcesOf(stack.cloud, region, instanceId);
    assert.ok(snapshots.some(({ id }) => id === snapshotId));
    assertSource(source);
  });

  test('delete what is of a build that has been reset since it looked', async () => {
    const { left, snapshotId, instanceId, build } = await betweenLookAndAct(async ({ build: run }) => {
      await resetRun(stack.client, run.workflowId);
    });
    const spared = left.find(({ id }) => id === snapshotId)!;
    assert.deepEqual([spared.plan, spared.outcome], ['delete', 'left']);
    assert.match(spared.problem!, /at work|open/);
    await stack.client.workflow.getHandle(build.workflowId).result();
    const { images, snapshots, source } = await resourcesOf(stack.cloud, region, instanceId);
    assert.deepEqual([images.length, snapshots.length], [1, 1]);
    assertSource(source);
  });

  test('delete an image from which somebody has launched an instance since it looked', async () => {
    const { instanceId, build, release, buildId } = await heldBuild();
    await build.terminate('a test');
    await lookedAt(stack, buildId);
    const tags = { [tagKeys.build]: `test/${buildId}`, [tagKeys.state]: 'pending' };
    const image = `img-l${instanceId.slice(5)}`;
    await stack.cloud.seed({ images: [{ region, id: image, name: `late-${instanceId}`, tags }] });
    await until(async () => ((await lookedAt(stack, buildId)).some(({ id }) => id === image) ? true : undefined));
    const stalled = await stack.cloud.stall('StartInstances', instanceId.slice(4));
    const sweeping = sweep(stack, { apply: true });
    await until(async () => ((await stalled.met()) ? true : undefined));
    const { instance } = await (await startLaunch(stack, { image })).result();
    await stalled.release();
    const spared = leftOf(await sweeping, buildId).find(({ id }) => id === image)!;
    await release();
    assert.deepEqual([spared.plan, spared.outcome], ['delete', 'left']);
    assert.match(spared.problem!, new RegExp(`in use by ${instance.instanceId}`));
    assert.ok((await stack.cloud.state(region)).images.some(({ id }) => id === image));
  });

  test('start a source that the next build of it has taken down', async () => {
    const first = await heldBuild();
    await first.build.terminate('a test');
    await lookedAt(stack, first.buildId);
    const second = await start(first.instanceId);
    await until(async () => {
      const tag = (await worldOf(first.instanceId)).tags?.[tagKeys.restore];
      return tag?.endsWith(await idOf(second, first.instanceId)) === true ? true : undefined;
    });
    const report = await sweep(stack, { apply: true });
    assert.equal(
      report.leftovers.find(({ id }) => id === first.instanceId),
      undefined,
    );
    await first.release();
    await second.result();
    const starts = await stack.cloud.calls({ action: 'StartInstances' });
    assert.equal(starts.filter(({ resources, applied }) => applied && resources.includes(first.instanceId)).length, 1);
  });

  test('delete what is kept, though its tag could not be set', async () => {
    const instanceId = await stack.instance({ region, dataDisks: 1 });
    const refused = { kind: 'error', code: 'OperationDenied', message: 'not today', when: 'before' };
    const faults = await Promise.all([
      stack.cloud.fault({ action: 'CreateImage', contains: instanceId.slice(4), ...refused }),
      stack.cloud.fault({ action: 'TagResources', contains: ':snapshot/', ...refused, times: 1000 }),
    ]);
    const build = await start(instanceId, { onFailure: 'keep', deadlines: { undo: 5 } });
    const { resources, buildId } = await failureOf(build);
    const calls = await stack.cloud.calls();
    for (const fault of faults)
      assert.ok(
        calls.some((call) => call.faults.includes(fault)),
        'the fault fired',
      );
    await stack.cloud.send('DELETE', `faults/${faults[1]}`);
    const [kept] = resources.filter(({ type, fate }) => type === 'snapshot' && fate === 'kept');
    const before = await worldOf(instanceId);
    assertSpared(await lookedAt(stack, buildId, { apply: true }), /lists it as kept/);
    assert.deepEqual(await worldOf(instanceId), before);
    assert.deepEqual(before.all, [kept!.id]);
  });

  test('look twice at what a good build made', async () => {
    const built = await buildOne(stack, { launch: { zone: 'ap-guangzhou-3' } });
    const report = await sweep(stack, { apply: true });
    assert.deepEqual(leftOf(report, built.buildId), []);
    const left = await resourcesOf(stack.cloud, region, built.source.instanceId);
    assert.deepEqual([left.images.length, left.snapshots.length, left.instances.length], [1, 2, 1]);
  });

  test('touch anything within the grace period', async () => {
    const { instanceId, build, release, buildId } = await heldBuild();
    await build.terminate('a test');
    await lookedAt(stack, buildId);
    const before = await worldOf(instanceId);
    assertSpared(leftOf(await sweep(stack, { apply: true, grace: '1h' }), buildId), /within the grace period/);
    assert.deepEqual(await worldOf(instanceId), before);
    await release();
    await until(async () => {
      await sweep(stack, { apply: true });
      return leftOf(await sweep(stack), buildId).length === 0 ? true : undefined;
    });
    await assertClean(stack.cloud, region, instanceId);
  });

  test('delete an image that somebody uses, or that is shared', async () => {
    const { instanceId, build, release, buildId } = await heldBuild();
    await build.terminate('a test');
    const tags = { [tagKeys.build]: `test/${buildId}`, [tagKeys.state]: 'pending' };
    const [used, shared, idle] = ['u', 's', 'i'].map((letter) => `img-${letter}${instanceId.slice(5)}`);
    const sharedWith = ['100000009999'];
    await stack.cloud.seed({
      accounts: [{ uin: sharedWith[0], keys: [] }],
      images: [
        { region, id: used, name: `used-${instanceId}`, tags },
        { region, id: shared, name: `shared-${instanceId}`, tags, sharedWith },
        { region, id: idle, name: `idle-${instanceId}`, tags },
      ],
    });
    const { instance } = await (await startLaunch(stack, { image: used! })).result();
    const found = await lookedAt(stack, buildId);
    assertSpared(
      found.filter(({ id }) => id === used),
      new RegExp(`in use by ${instance.instanceId}`),
    );
    assertSpared(
      found.filter(({ id }) => id === shared),
      /shared with 100000009999/,
    );
    await sweep(stack, { apply: true });
    const { images } = await stack.cloud.state(region);
    assert.deepEqual(
      [used, shared, idle].map((one) => images.some(({ id }) => id === one)),
      [true, true, false],
    );
    await release();
  });

  /** A client to which Temporal answers some calls with an error. */
  async function refusing(refused: RegExp): Promise<{ connection: Connection; client: Client }> {
    const { address, namespace } = stack.temporal;
    const interceptor: Interceptor = (options, next) =>
      refused.test(options.method_definition.path) && !options.method_definition.path.endsWith('GetSystemInfo')
        ? new InterceptingCall(next(options), {
            start: (_metadata, listener) =>
              listener.onReceiveStatus({
                code: status.PERMISSION_DENIED,
                details: 'not today',
                metadata: new Metadata(),
              }),
            sendMessage: () => undefined,
            halfClose: () => undefined,
          })
        : new InterceptingCall(next(options));
    const connection = await Connection.connect({ address, interceptors: [interceptor] });
    return { connection, client: new Client({ connection, namespace }) };
  }

  test('start a source that its build has perhaps started again, when Temporal does not say', async () => {
    const instanceId = await stack.instance({ region });
    const finished = await start(instanceId);
    await finished.result();
    const buildId = await idOf(finished, instanceId);
    const { connection, client } = await refusing(/List/);
    const bench = await startActivityBench({}, client);
    try {
      const build = { ...(await bench.build()), buildId, instanceId };
      const tags = { [tagKeys.restore]: `test/${buildId}` };
      await bench.cloud.seed({ instances: [{ region, id: instanceId, state: 'STOPPED', tags }] });
      const { leftovers } = await bench.run('findLeftovers', { build, grace: 0 });
      assert.deepEqual(ids(leftovers), [instanceId]);
      assertSpared(leftovers, /Temporal did not say whether its build had started it again/);
      await assert.rejects(bench.run('restoreAbandoned', { build, grace: 0 }), /did not say whether its build had/);
      assert.deepEqual(await bench.cloud.calls({ action: 'StartInstances' }), []);
    } finally {
      await bench.stop();
      await connection.close();
    }
  });

  // Both, or only what tells how a run ended that is not the current one of its workflow ID.
  for (const refused of [/Describe|List/, /List/])
    test(`act when Temporal answers with an error to ${refused.source}`, async () => {
      const { connection, client } = await refusing(refused);
      const bench = await startActivityBench({}, client);
      try {
        const build = await bench.build({ state: 'STOPPED' });
        const owner = `test/${build.buildId}`;
        const tags = { [tagKeys.build]: owner, [tagKeys.state]: 'pending' };
        const source = build.instanceId;
        await bench.cloud.seed({
          images: [{ region, id: 'img-pending1', name: 'pending', tags }],
          instances: [{ region, id: 'ins-pending1', tags }],
        });
        await bench.cloud.send('POST', 'interfere', { act: 'retag', id: source, tags: { [tagKeys.restore]: owner } });
        const { leftovers } = await bench.run('findLeftovers', { build, grace: 0 });
        assert.deepEqual(
          ids(leftovers.filter(({ type }) => type !== 'disk')),
          ['img-pending1', source, 'ins-pending1'].sort(),
        );
        assertSpared(leftovers, /Temporal did not say .*not today/);
        // Also when they are asked for by themselves.
        const abandoned = { images: ['img-pending1'], instances: ['ins-pending1'], disks: [], snapshots: [] };
        const { outcomes } = await bench.run('removeLeftovers', { build, grace: 0, abandoned });
        assert.ok(outcomes.every(({ outcome, problem }) => outcome === 'left' && problem?.includes('not today')));
        await assert.rejects(bench.run('restoreAbandoned', { build, grace: 0 }), (error) => {
          assert.ok(error instanceof ApplicationFailure);
          assert.equal(error.type, 'NotAbandoned');
          return true;
        });
        const changes = (await bench.cloud.calls()).filter(({ action }) => !/^(Describe|Get)/.test(action));
        assert.deepEqual(changes, []);
      } finally {
        await bench.stop();
        await connection.close();
      }
    });
});
