import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import {
  BuildFailedError,
  BuildNotFoundError,
  type BuildSpecInput,
  connect,
  type Connected,
  ConflictError,
  describeBuild,
  findBuild,
  followBuild,
  listBuilds,
  SpecError,
  startBuild,
} from '../../client';
import { startTestTemporal, type TestTemporal } from '../support/temporal';

/** Builds on a real Temporal server without any worker: what the client alone is to get right. */
describe('a build without a worker', () => {
  let temporal: TestTemporal;
  let connected: Connected;
  before(async () => {
    temporal = await startTestTemporal();
    connected = await connect(temporal);
  });
  after(async () => {
    await connected.close();
    await temporal.stop();
  });

  const specOf = (instanceId: string): BuildSpecInput => ({
    region: 'ap-guangzhou',
    instanceId,
    image: { name: 'web-{date}', family: 'web' },
  });

  test('is started once: the same spec joins it, another one is refused', async () => {
    const { client } = connected;
    const spec = specOf('ins-join0001');
    const both = await Promise.all([startBuild(client, spec), startBuild(client, spec)]);
    assert.deepEqual(both.map(({ joined }) => joined).sort(), [false, true]);
    assert.equal(both[0].runId, both[1].runId);
    // Defaults written out, and another order of the keys, make no other spec.
    const again = await startBuild(client, { method: 'instance', ...spec, onFailure: 'cleanup' });
    assert.equal(again.joined, true);
    assert.equal(again.buildId, both[0].buildId);
    await assert.rejects(startBuild(client, { ...spec, method: 'snapshots' }), (error) => {
      assert.ok(error instanceof ConflictError);
      assert.equal(error.running.runId, again.runId);
      assert.match(error.message, /cvm-image cancel build-image\/ap-guangzhou\/ins-join0001/);
      return true;
    });
  });

  test('is not started with a wrong spec', async () => {
    const wrong = { ...specOf('ins-wrong001'), dataDisks: 'all', onFailure: 'stop' } as never;
    await assert.rejects(startBuild(connected.client, wrong), (error) => {
      assert.ok(error instanceof SpecError);
      assert.deepEqual(
        error.problems.map(({ path }) => path),
        ['dataDisks', 'onFailure'],
      );
      return true;
    });
  });

  test('says that it waits for one, and is found by each of its names', async () => {
    const { client } = connected;
    const { workflowId, runId, buildId } = await startBuild(client, specOf('ins-wait0001'), { taskQueue: 'nobody' });
    for await (const view of followBuild(client, { workflowId, runId }, { intervalMs: 100 })) {
      assert.equal(view.imageName, 'web-{date}');
      assert.equal(view.status, 'running');
      if (view.notes.some((note) => note.includes('no worker is polling task queue nobody'))) break;
    }
    const listed = async () => (await listBuilds(client, { family: 'web', instanceId: 'ins-wait0001' }))[0];
    let build = await listed();
    while (!build) build = await listed(); // Visibility lags behind.
    assert.deepEqual([build.buildId, build.status, build.imageName], [buildId, 'running', 'web-{date}']);
    for (const id of [workflowId, buildId, 'ins-wait0001']) {
      assert.equal((await findBuild(client, id)).workflowId, workflowId);
    }
    await assert.rejects(findBuild(client, 'wait0001-000000000000'), BuildNotFoundError);
    await assert.rejects(findBuild(client, 'it'), BuildNotFoundError);
    await assert.rejects(describeBuild(client, { workflowId: 'build-image/x/y' }), BuildNotFoundError);
  });

  test('that is terminated ends its followers with what that means', async () => {
    const { client } = connected;
    const build = await startBuild(client, specOf('ins-term0001'));
    const following = (async () => {
      let last;
      for await (const view of build.progress({ intervalMs: 100 })) last = view;
      return last;
    })();
    await client.workflow.getHandle(build.workflowId, build.runId).terminate('by hand');
    const view = await following;
    assert.equal(view?.status, 'terminated');
    assert.equal(view.outcome?.status, 'terminated');
    await assert.rejects(build.result(), (error) => {
      assert.ok(error instanceof BuildFailedError);
      assert.deepEqual([error.status, error.failure.code, error.message], ['terminated', 'Terminated', 'by hand']);
      assert.match(error.failure.advice ?? '', /^Nothing was undone/);
      return true;
    });
    const next = await startBuild(client, specOf('ins-term0001'));
    assert.equal(next.joined, false);
    assert.notEqual(next.buildId, build.buildId);
  });
});
