import { Client, Connection, type WorkflowHandle } from '@temporalio/client';
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import {
  type BuildResult,
  type BuildSpecInput,
  buildWorkflowId,
  buildWorkflowType,
  defaultTaskQueue,
  sweepWorkflowType,
} from '../../contract';
import { temporalCli } from '../../dev/temporal-server/programs';
import { resolveProgram } from '../../dev/temporal-server/resolve';
import { startTemporalServer, type TemporalServer } from '../../dev/temporal-server/server';
import { type Simulator, startSimulator } from '../../simulator';
import { testDurations } from '../support/build-stack';
import { until } from '../support/judge';
import { Program } from '../support/program';
import { SimulatorControl } from '../support/simulator';

const region = 'ap-guangzhou';
const documentation = readFileSync(path.resolve(__dirname, '../../../docs/worker.md'), 'utf8');

/** The commands of docs/worker.md that hold this, as they stand there. */
function documented(part: string): string[][] {
  const lines = documentation.split('\n').map((line) => line.trim());
  const commands = lines.filter((line) => line.startsWith('temporal ') && line.includes(part));
  assert.ok(commands.length > 0, `docs/worker.md has a command with ${part}`);
  return commands.map((line) => line.split(' ').slice(1));
}

void describe('Worker Versioning', () => {
  let temporal: TemporalServer;
  let simulator: Simulator;
  let cloud: SimulatorControl;
  let client: Client;
  let connection: Connection;
  let cli: string;
  const workers: Program[] = [];

  before(async () => {
    [temporal, simulator, cli] = await Promise.all([
      startTemporalServer({}),
      startSimulator({ port: 0, speed: 600, rateScale: 0, durations: testDurations }),
      resolveProgram(temporalCli),
    ]);
    cloud = new SimulatorControl(simulator.url);
    connection = await Connection.connect({ address: temporal.address });
    client = new Client({ connection, namespace: temporal.namespace });
  });
  after(async () => {
    await Promise.all(workers.map((worker) => worker.end()));
    await connection.close();
    await Promise.all([temporal.stop(), simulator.close()]);
  });

  async function startWorker(buildId?: string): Promise<Program> {
    const worker = new Program('worker/main.js', [], {
      ...process.env,
      HOME: '/nonexistent',
      TEMPORAL_ADDRESS: temporal.address,
      TEMPORAL_NAMESPACE: temporal.namespace,
      TENCENTCLOUD_ENDPOINT: simulator.url,
      TENCENTCLOUD_SECRET_ID: 'AKIDsimulator',
      TENCENTCLOUD_SECRET_KEY: 'simulator',
      CVM_IMAGE_TIME_SCALE: '100',
      CVM_IMAGE_HEARTBEAT_THROTTLE_SECONDS: '0.1',
      ...(buildId === undefined ? {} : { CVM_IMAGE_DEPLOYMENT: 'images', CVM_IMAGE_BUILD_ID: buildId }),
    });
    workers.push(worker);
    await worker.says('"message":"worker is ready"');
    return worker;
  }

  async function run(args: string[]): Promise<string> {
    const { stdout } = await promisify(execFile)(cli, [
      ...args,
      '--address',
      temporal.address,
      '--namespace',
      temporal.namespace,
    ]);
    return stdout;
  }

  /** As documented; a version is known from the first poll of its worker on, which may be a moment later. */
  const makeCurrent = (buildId: string) =>
    until(async () => {
      const [command] = documented(`set-current-version --deployment-name images --build-id ${buildId}`);
      return run(command!).catch(() => undefined);
    });

  const start = (instanceId: string) =>
    client.workflow.start<(spec: BuildSpecInput) => Promise<BuildResult>>(buildWorkflowType, {
      workflowId: buildWorkflowId(region, instanceId),
      taskQueue: defaultTaskQueue,
      args: [{ region, instanceId, image: { name: `image-of-${instanceId}` } }],
    });

  /** A build that has asked for its image in vain, again and again, until it is released. */
  async function standing(known?: string) {
    const instanceId = known ?? `ins-${randomBytes(4).toString('hex')}`;
    if (known === undefined) await cloud.seed({ instances: [{ id: instanceId, region }] });
    const { met, release } = await cloud.stall('CreateImage', instanceId);
    const handle = await start(instanceId);
    await until(async () => ((await met()) ? true : undefined));
    return { handle, release };
  }

  /** The versions that took part in a workflow, each named once for a row of tasks. */
  async function versionsOf(handle: WorkflowHandle): Promise<string[]> {
    const { events = [] } = await handle.fetchHistory();
    const versions = (events ?? []).flatMap(({ workflowTaskCompletedEventAttributes: task }) =>
      task ? [task.deploymentVersion?.buildId ?? 'none'] : [],
    );
    return versions.filter((version, index) => version !== versions[index - 1]);
  }

  test('a roll-out as documented: open builds stay on their version, new ones and sweeps go to the current one', async () => {
    const unversioned = await startWorker();
    const first = await standing();
    await startWorker('0.1.0');
    await makeCurrent('0.1.0');
    await first.release();
    await first.handle.result();
    assert.deepEqual(await versionsOf(first.handle), ['none', '0.1.0'], 'begun without a version');
    unversioned.signal('SIGTERM');

    const schedule = await client.schedule.create({
      scheduleId: 'sweep',
      spec: { intervals: [{ every: '1 hour' }] },
      action: {
        type: 'startWorkflow',
        workflowType: sweepWorkflowType,
        taskQueue: defaultTaskQueue,
        args: [{ region }],
      },
    });
    /** Has the schedule run now, and answers the version that swept. */
    const swept = async () => {
      const before = (await schedule.describe()).info.recentActions.length;
      await schedule.trigger('ALLOW_ALL');
      const action = await until(async () => (await schedule.describe()).info.recentActions[before]?.action);
      const handle = client.workflow.getHandle(action.workflow.workflowId);
      await handle.result();
      return versionsOf(handle);
    };
    assert.deepEqual(await swept(), ['0.1.0']);

    const old = await standing();
    const moved = await standing('ins-web00001');
    await startWorker('0.2.0');
    const beside = await standing();
    await makeCurrent('0.2.0');
    const fresh = await standing();
    assert.deepEqual(await swept(), ['0.2.0']);
    for (const { release } of [old, beside, fresh]) await release();
    for (const { handle } of [old, beside, fresh]) await handle.result();
    assert.deepEqual(await versionsOf(old.handle), ['0.1.0'], 'begun before');
    assert.deepEqual(await versionsOf(beside.handle), ['0.1.0'], 'begun before it was made current');
    assert.deepEqual(await versionsOf(fresh.handle), ['0.2.0'], 'begun afterwards');

    const [describeVersion] = documented('describe-version');
    assert.match(await run(describeVersion!), /draining/i);
    const [move] = documented('workflow update-options');
    await run(move!);
    await moved.release();
    await moved.handle.result();
    assert.deepEqual(await versionsOf(moved.handle), ['0.1.0', '0.2.0'], 'moved by hand');
  });
});
