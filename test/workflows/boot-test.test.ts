import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { type PipelineInput, progressQuery, releaseQuery } from '../../contract';
import { type BuildStack, startBuildStack, testDurations } from '../support/build-stack';
import { until } from '../support/judge';
import {
  ended,
  familyInCloud,
  guestPort,
  leftOfTest,
  pipelineOf,
  region,
  release,
  releaseFailure,
  startRelease,
  testStage,
  untilTested,
} from '../support/releases';

/** The port on which the guests say that they are ill. */
const illPort = guestPort + 1;
const closedPort = guestPort + 2;
/** A port on which nobody answers: see `hangs`. */
const mutePort = guestPort + 3;
const launch = { zone: 'ap-guangzhou-3' };
type Check = NonNullable<NonNullable<PipelineInput['test']>['checks']>[number];

/** Takes connections at a guest's address, and never says a word. */
async function hangs(address: string): Promise<Server> {
  const server = createServer((socket) => socket.on('error', () => undefined));
  await new Promise<void>((resolve) => server.listen(mutePort, address, resolve));
  return server;
}

describe('the boot test of a release', { concurrency: 2 }, () => {
  let stack: BuildStack;
  before(async () => {
    stack = await startBuildStack({ simulator: { listen: true, durations: { ...testDurations, boot: 60 } } });
    await stack.cloud.seed({ imageQuota: { [region]: 200 } });
  });
  after(() => stack.stop());

  const content = `a web server\nlisten ${guestPort} 200 all is ok\nlisten ${illPort} 503 out of order`;
  const instanceById = async (id: string | undefined) =>
    (await stack.cloud.state(region)).instances.find((one) => one.id === id);

  const wrong: { name: string; check: Check; says: RegExp; mute?: true }[] = [
    {
      name: 'another HTTP status',
      check: { http: { port: illPort, path: '/health' }, timeout: 1 },
      says: /: http 127\.[\d.]+:\d+\/health: status 503 instead of 200, for 1 s$/,
    },
    {
      name: 'the text missing',
      check: { http: { port: guestPort, text: 'app 5.0' }, timeout: 1 },
      says: /: http 127\.[\d.]+:\d+\/: status 200 without the text "app 5\.0", for 1 s$/,
    },
    {
      name: 'a closed TCP port',
      check: { tcp: closedPort, timeout: 1 },
      says: new RegExp(`: tcp 127\\.[\\d.]+:${closedPort}: connection refused, for 1 s$`),
    },
    {
      name: 'no answer',
      check: { http: { port: mutePort }, timeout: 8 },
      says: new RegExp(`: http 127\\.[\\d.]+:${mutePort}/: no answer, for 8 s$`),
      mute: true,
    },
  ];

  test('each check that does not pass rejects the candidate and says why; what was current stays, the instance goes', async (t) => {
    const pipeline = await pipelineOf(stack, {}, { systemDisk: { size: 50, content }, dataDisks: 0 });
    const { family } = pipeline;
    const good = (await release(stack, pipeline)).images[0]!.imageId;
    const rejected: string[] = [];
    for (const { name, check, says, mute } of wrong) {
      await t.test(name, async () => {
        // The other check passes: that one that does not is enough.
        const checks = [{ http: { port: illPort, status: 503, text: 'order' }, timeout: 60 }, check];
        const handle = await startRelease(stack, { ...pipeline, test: { launch, settle: mute ? 1 : 0, checks } });
        const id = mute ? await untilTested(handle) : undefined;
        const silent = id === undefined ? undefined : await hangs((await instanceById(id))!.loopback as string);
        const report = await releaseFailure(handle).finally(() => silent?.close());
        assert.deepEqual([report.code, report.step], ['CandidateRejected', 'test']);
        assert.match(report.message, says);
        assert.doesNotMatch(report.message, /status 503 instead of 503|;/);
        assert.match(report.advice!, /Look at what the image starts/);
        const { images, test: tested, outcome, resources } = report.release;
        const bad = images[0]!.imageId;
        rejected.unshift(bad);
        assert.equal(outcome, 'rejected');
        assert.equal(tested?.passed, false);
        assert.ok(report.message.endsWith(tested.found.join('; ')));
        // Terminated, and said so.
        assert.equal(await instanceById(tested.instanceId), undefined);
        assert.deepEqual(await leftOfTest(stack.cloud, report.buildId), []);
        assert.deepEqual(
          resources.filter(({ type }) => type === 'instance').map((one) => [one.id, one.fate]),
          [[tested.instanceId, 'deleted']],
        );
        const calls = await stack.cloud.calls({ action: 'TerminateInstances' });
        assert.ok(calls.some((call) => call.applied && call.resources.includes(tested.instanceId!)));
        const now = await familyInCloud(stack.cloud, family);
        assert.deepEqual([now.of('current'), now.answers], [[good], [good]]);
        assert.deepEqual(now.of('rejected').sort(), [...rejected].sort());
      });
    }
  });

  for (const when of ['while it is watched', 'while it is asked'] as const) {
    test(`a spot instance that is taken away ${when} says nothing about the image: the test is made again`, async () => {
      const spot = { ...launch, chargeType: 'SPOTPAID' } as const;
      const watched = when === 'while it is watched';
      const checks = watched ? [] : [{ tcp: 1, timeout: 5 }];
      const pipeline = await pipelineOf(stack, {
        test: { ...testStage, launch: spot, settle: watched ? 5 : 0.1, checks },
        onFailure: 'hold',
      });
      const handle = await startRelease(stack, pipeline);
      const id = await untilTested(handle);
      await stack.cloud.send('POST', 'interfere', { act: 'terminate-instance', id });
      const held = await until(async () => (await handle.query(progressQuery)).held);
      assert.equal(held.code, 'SpotReclaimed');
      assert.match(held.message, new RegExp(`${id}, was taken away`));
      const { images, test: tested } = await handle.query(releaseQuery);
      assert.deepEqual([images[0]!.state, tested], ['candidate', undefined]);
      await handle.cancel();
      await assert.rejects(ended(handle));
      assert.deepEqual(await leftOfTest(stack.cloud, (await handle.query(releaseQuery)).buildId), []);
    });
  }

  test('a spot instance, with new disks that hold what the snapshots do', async () => {
    const dataDisks = [
      { size: 20, content: 'orders' },
      { size: 30, content: 'customers' },
    ];
    const spot = { ...launch, chargeType: 'SPOTPAID' } as const;
    const pipeline = await pipelineOf(
      stack,
      { test: { ...testStage, launch: spot, settle: 2 } },
      { systemDisk: { size: 50, content }, dataDisks },
    );
    const { instanceId } = pipeline.source as { instanceId: string };
    const handle = await startRelease(stack, pipeline);
    const id = await untilTested(handle);
    const instance = (await instanceById(id))!;
    const disks = instance.dataDiskIds as string[];
    const contentOf = async (disk: string) =>
      ((await stack.cloud.send('GET', `disks/${disk}/content`)) as { content: string }).content;
    assert.equal(instance.chargeType, 'SPOTPAID');
    assert.notEqual(id, instanceId);
    assert.deepEqual((await Promise.all(disks.map(contentOf))).sort(), ['customers', 'orders']);
    const source = (await instanceById(instanceId))!;
    assert.ok(disks.every((disk) => !(source.dataDiskIds as string[]).includes(disk)));
    const made = await ended(handle);
    assert.equal(made.outcome, 'released');
    assert.equal(made.test?.instanceId, id);
    // Its disks go with it: new ones are nobody else's.
    assert.deepEqual(await leftOfTest(stack.cloud, made.buildId), []);
    const left = await stack.cloud.state(region);
    assert.deepEqual(
      left.disks.filter((disk) => disks.includes(disk.id)),
      [],
    );
  });
});
