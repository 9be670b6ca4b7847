import { Client, type WorkflowClientInterceptor } from '@temporalio/client';
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, describe, test } from 'node:test';
import {
  type BuildSpecInput,
  buildWorkflowId,
  buildWorkflowType,
  connect,
  type Connected,
  ConflictError,
  specHashMemo,
  startBuild,
  UnreachableError,
} from '../../client';
import { specOf } from '../../client/spec-of';
import { until } from '../support/judge';
import { startRelay } from '../support/relay';
import type { Started } from '../support/starting-process';
import { startTestTemporal, type TestTemporal } from '../support/temporal';

const region = 'ap-guangzhou';
const taskQueue = 'nobody';

/** The same request, as different people write it. */
const sameSpecs = (instanceId: string): BuildSpecInput[] => [
  {
    region,
    instanceId,
    image: { name: 'web-{date}', family: 'web', tags: { team: 'web', stage: 'test' } },
    dataDisks: ['disk-1a2b3c4d', 'disk-5e6f7a8b'],
    launch: { zone: 'ap-guangzhou-3' },
    deadlines: { pollImage: '90m' },
  },
  {
    deadlines: { build: '6h', pollImage: 5400 },
    launch: { publicBandwidth: 0, zone: 'ap-guangzhou-3', keepImageLogin: true },
    dataDisks: ['disk-5e6f7a8b', 'disk-1a2b3c4d'],
    image: { tags: { stage: 'test', team: 'web' }, setImageFamily: true, family: 'web', name: 'web-{date}' },
    onFailure: 'cleanup',
    method: 'instance',
    instanceId,
    region,
  },
];
const otherSpecs = (instanceId: string): BuildSpecInput[] =>
  ['one', 'two', 'three', 'four'].map((name) => ({ region, instanceId, image: { name } }));

/** What the lock promises, on a real Temporal server without any worker. */
describe('the workflow ID is the lock', () => {
  let temporal: TestTemporal;
  const clients: Connected[] = [];
  before(async () => {
    temporal = await startTestTemporal();
    clients.push(...(await Promise.all(Array.from({ length: 4 }, () => connect(temporal)))));
  });
  after(async () => {
    await Promise.all(clients.map(({ close }) => close()));
    await temporal.stop();
  });
  const first = () => clients[0]!.client;

  /** That there was only ever this one run of the instance's build, and that it is as it was started. */
  async function assertOnlyRun(instanceId: string, runId: string, spec?: BuildSpecInput): Promise<void> {
    const workflowId = buildWorkflowId(region, instanceId);
    const query = `WorkflowId = '${workflowId}'`;
    const runs = await until(async () => {
      const found = [];
      for await (const run of first().workflow.list({ query })) found.push(run);
      return found.length > 0 ? found : undefined;
    });
    assert.deepEqual(
      runs.map((run) => run.runId),
      [runId],
    );
    const run = await first().workflow.getHandle(workflowId).describe();
    // Started, and its first task scheduled: nobody who met it has left a trace.
    assert.deepEqual([run.runId, run.historyLength], [runId, 2]);
    if (spec) {
      const input = (await specOf(first(), workflowId, runId)) as BuildSpecInput;
      assert.equal(input.image.name, spec.image.name);
    }
  }

  test('clients that start the same build at the same moment: one starts it, the others join, 50 times', async () => {
    for (let round = 0; round < 50; round += 1) {
      const instanceId = `ins-same${String(round).padStart(4, '0')}`;
      const specs = sameSpecs(instanceId);
      const builds = await Promise.all(
        clients.map(({ client }, index) => startBuild(client, specs[index % specs.length]!, { taskQueue })),
      );
      assert.deepEqual(builds.map(({ joined }) => joined).sort(), [false, true, true, true]);
      assert.equal(new Set(builds.map(({ runId }) => runId)).size, 1);
      assert.equal(new Set(builds.map(({ buildId }) => buildId)).size, 1);
      await assertOnlyRun(instanceId, builds[0]!.runId);
    }
  });

  test('clients that start different builds at the same moment: one wins, the others are refused, 50 times', async () => {
    for (let round = 0; round < 50; round += 1) {
      const instanceId = `ins-diff${String(round).padStart(4, '0')}`;
      const specs = otherSpecs(instanceId);
      const outcomes = await Promise.allSettled(
        clients.map(({ client }, index) => startBuild(client, specs[index]!, { taskQueue })),
      );
      const winners = outcomes.flatMap((one, index) =>
        one.status === 'fulfilled' ? [{ ...one.value, spec: specs[index]! }] : [],
      );
      assert.equal(winners.length, 1);
      const { runId, joined, spec } = winners[0]!;
      assert.equal(joined, false);
      for (const one of outcomes) {
        if (one.status === 'fulfilled') continue;
        assert.ok(one.reason instanceof ConflictError, String(one.reason));
        assert.equal(one.reason.running.runId, runId);
        assert.match(one.reason.message, /another spec is running.*Nothing was started\./);
      }
      await assertOnlyRun(instanceId, runId, spec);
    }
  });

  test('processes are held to it, too', async () => {
    const { address, namespace } = temporal;
    const script = path.resolve(__dirname, '../support/starting-process.js');
    const processes = await Promise.all(Array.from({ length: 4 }, () => Starter.begin(script, address, namespace)));
    try {
      for (let round = 0; round < 25; round += 1) {
        const same = `ins-psam${String(round).padStart(4, '0')}`;
        const specs = sameSpecs(same);
        const joined = await Promise.all(processes.map((one, index) => one.start(specs[index % specs.length]!)));
        assert.deepEqual(joined.map((one) => one.joined).sort(), [false, true, true, true]);
        await assertOnlyRun(same, joined[0]!.runId);

        const different = `ins-pdif${String(round).padStart(4, '0')}`;
        const others = otherSpecs(different);
        const met = await Promise.all(processes.map((one, index) => one.start(others[index]!)));
        assert.deepEqual(met.map(({ refused }) => refused === undefined).sort(), [false, false, false, true]);
        assert.equal(new Set(met.map(({ runId }) => runId)).size, 1);
        await assertOnlyRun(different, met[0]!.runId, others[met.findIndex(({ refused }) => refused === undefined)]);
      }
    } finally {
      await Promise.all(processes.map((one) => one.end()));
    }
  });

  test('a build that was started without this client, as in the Web UI, is joined by its input', async () => {
    const spec: BuildSpecInput = { region, instanceId: 'ins-webui001', image: { name: 'web' } };
    const byHand = (workflowId: string, input: unknown, memo?: Record<string, unknown>) =>
      first().workflow.start(buildWorkflowType, { workflowId, taskQueue, args: [input], ...(memo ? { memo } : {}) });
    const { firstExecutionRunId } = await byHand(buildWorkflowId(region, 'ins-webui001'), spec);
    const joined = await startBuild(first(), { ...spec, method: 'instance' }, { taskQueue });
    assert.deepEqual([joined.joined, joined.runId], [true, firstExecutionRunId]);
    await assert.rejects(startBuild(first(), { ...spec, method: 'snapshots' }), ConflictError);

    // What nobody can read is another spec.
    await byHand(buildWorkflowId(region, 'ins-webui002'), 'an image, please');
    await assert.rejects(startBuild(first(), { ...spec, instanceId: 'ins-webui002' }), ConflictError);

    // A client of another version has other defaults, so another fingerprint, for the same spec.
    await byHand(
      buildWorkflowId(region, 'ins-webui003'),
      { ...spec, instanceId: 'ins-webui003' },
      { [specHashMemo]: 'x' },
    );
    assert.equal((await startBuild(first(), { ...spec, instanceId: 'ins-webui003' })).joined, true);
  });

  test('a build that ends between being met and being looked at stands in nobody’s way', async () => {
    const ours: BuildSpecInput = { region, instanceId: 'ins-ended001', image: { name: 'ours' } };
    const other = await startBuild(first(), { ...ours, image: { name: 'other' } }, { taskQueue });
    const ending = endingWhenDescribed(other);
    const build = await startBuild(ending.client, ours, { taskQueue });
    assert.equal(ending.looks(), 2);
    assert.equal(build.joined, false);
    assert.notEqual(build.runId, other.runId);

    // The same build that ends just then was the one asked for: its end is the answer.
    const joined = await startBuild(endingWhenDescribed(build).client, ours, { taskQueue });
    assert.deepEqual([joined.joined, joined.runId], [true, build.runId]);
    await assert.rejects(joined.result(), { status: 'terminated' });
  });

  test('a build that is being cancelled is joined, and said to be', async () => {
    const spec: BuildSpecInput = { region, instanceId: 'ins-cance001', image: { name: 'web' } };
    const build = await startBuild(first(), spec, { taskQueue });
    assert.equal(build.undoing, false);
    await build.cancel();
    const joined = await startBuild(first(), spec, { taskQueue });
    assert.deepEqual([joined.joined, joined.undoing], [true, true]);
  });

  test('when Temporal goes away in the middle, asking again joins what was started', async () => {
    const spec: BuildSpecInput = { region, instanceId: 'ins-away0001', image: { name: 'web' } };
    const relay = await startRelay(temporal.address);
    const cut = await connect({ ...temporal, address: relay.address });
    try {
      const client = whenDescribing(() => relay.cut(), cut.client);
      await assert.rejects(startBuild(client, spec, { taskQueue }), (error) => {
        assert.ok(error instanceof UnreachableError, String(error));
        assert.match(error.message, /not known whether build-image\/ap-guangzhou\/ins-away0001 was started/);
        return true;
      });
    } finally {
      await relay.cut();
      await cut.close();
    }
    assert.equal((await startBuild(first(), spec, { taskQueue })).joined, true);
  });

  /** A client whose first look at what it met comes after that has ended. */
  function endingWhenDescribed({ workflowId, runId }: { workflowId: string; runId: string }) {
    let looks = 0;
    const client = whenDescribing(async () => {
      looks += 1;
      if (looks === 1) await first().workflow.getHandle(workflowId, runId).terminate();
    });
    return { client, looks: () => looks };
  }

  /** A client to which something happens between a start and the look at what was started. */
  function whenDescribing(happens: () => Promise<void>, { connection } = first()): Client {
    const interceptor: WorkflowClientInterceptor = {
      describe: async (input, next) => {
        await happens();
        return next(input);
      },
    };
    return new Client({ connection, namespace: temporal.namespace, interceptors: { workflow: [interceptor] } });
  }
});

/** A client in a process of its own. */
class Starter {
  private constructor(
    private readonly child: ChildProcess,
    private readonly lines: AsyncIterator<string>,
  ) {}

  static async begin(script: string, ...args: string[]): Promise<Starter> {
    const child = spawn(process.execPath, [script, ...args], { stdio: ['pipe', 'pipe', 'inherit'] });
    const starter = new Starter(child, createInterface(child.stdout)[Symbol.asyncIterator]());
    assert.equal(await starter.line(), 'ready');
    return starter;
  }

  async start(spec: BuildSpecInput): Promise<Started> {
    this.child.stdin!.write(`${JSON.stringify(spec)}\n`);
    return JSON.parse(await this.line()) as Started;
  }

  async end(): Promise<void> {
    const ended = once(this.child, 'exit');
    this.child.stdin!.end();
    await ended;
  }

  private async line(): Promise<string> {
    const next = await this.lines.next();
    assert.ok(next.done !== true, 'the process has ended');
    return next.value;
  }
}
