import { Client, Connection } from '@temporalio/client';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { buildWorkflowId, buildWorkflowType } from '../contract';
import { startSimulator } from '../simulator';
import { SimulatorControl } from '../test/support/simulator';
import { startTestTemporal } from '../test/support/temporal';
import type { Figure } from './table';

const region = 'ap-guangzhou';
const instanceId = 'ins-recover1';
const queue = 'recovery';

/** Longer than all deaths of a measurement take. */
const patienceMs = 300_000;

/** Seconds after the death of a worker within which the interrupted activity's next attempt is to begin, as shipped. */
export const recoveryTarget = 25;

export async function measureRecovery(): Promise<Figure[]> {
  const { starts, recoveries } = await recover();
  return [
    {
      what: 'worker: start to ready (slower of two)',
      value: `${Math.max(...starts).toFixed(2)} s`,
      target: '≤ 1.5 s',
    },
    {
      what: 'kill -9 of a worker to the next attempt',
      value: `${recoveries[0]!.toFixed(1)} s`,
      target: `≤ ${recoveryTarget} s`,
    },
  ];
}

/**
 * How many seconds after `kill -9` of a worker, in the middle of the wait for an image, the interrupted activity's next attempt
 * starts on another worker; and how many a worker takes to start.
 *
 * @param deaths how many workers die, one after the other, each when it is at work on the activity
 * @param heartbeat the heartbeat timeout in seconds; default: as shipped
 */
export async function recover({ deaths = 1, heartbeat }: { deaths?: number; heartbeat?: number } = {}): Promise<{
  starts: number[];
  recoveries: number[];
}> {
  const [temporal, simulator] = await Promise.all([
    startTestTemporal(),
    startSimulator({ speed: 60, rateScale: 0, durations: { stop: 30, start: 30, image: 6000 } }),
  ]);
  const env = {
    ...process.env,
    TEMPORAL_ADDRESS: temporal.address,
    TEMPORAL_NAMESPACE: temporal.namespace,
    CVM_IMAGE_TASK_QUEUE: queue,
    CVM_IMAGE_TIME_SCALE: '60',
    ...(heartbeat === undefined ? {} : { CVM_IMAGE_HEARTBEAT_THROTTLE_SECONDS: String(heartbeat / 10) }),
    TENCENTCLOUD_ENDPOINT: simulator.url,
    TENCENTCLOUD_SECRET_ID: 'AKIDsimulator',
    TENCENTCLOUD_SECRET_KEY: 'simulator',
  };
  const connection = await Connection.connect({ address: temporal.address });
  const client = new Client({ connection, namespace: temporal.namespace });
  const workers: ChildProcess[] = [];
  const startWorker = async (): Promise<number> => {
    const begun = performance.now();
    const worker = spawn(process.execPath, [path.resolve(__dirname, '../worker/main.js')], { env });
    workers.push(worker);
    for (let log = ''; !log.includes('worker is ready');) {
      const [chunk] = (await once(worker.stderr, 'data')) as [Buffer];
      log += chunk.toString();
    }
    worker.stderr.resume();
    return (performance.now() - begun) / 1000;
  };
  try {
    await new SimulatorControl(simulator.url).seed({ instances: [{ region, id: instanceId }] });
    const starts = [await startWorker()];
    const handle = await client.workflow.start(buildWorkflowType, {
      workflowId: buildWorkflowId(region, instanceId),
      taskQueue: queue,
      args: [
        {
          region,
          instanceId,
          image: { name: 'recovery' },
          ...(heartbeat === undefined ? {} : { deadlines: { heartbeat } }),
        },
      ],
    });
    const giveUp = AbortSignal.timeout(patienceMs);
    const dead = new Set<number>();
    /** Comes back with an attempt that is at work in a worker that lives, later than the one given. */
    const atWork = async (last: number): Promise<{ attempt: number; pid: number }> => {
      for (;;) {
        giveUp.throwIfAborted();
        const { raw } = await handle.describe();
        const found = raw.pendingActivities?.find((one) => one.activityType?.name === 'pollImage');
        const attempt = found?.attempt ?? 0;
        // The server names it pid@host.
        const pid = parseInt(found?.lastWorkerIdentity ?? '', 10);
        if (attempt > last && Number(found?.state) === 2 && !dead.has(pid)) return { attempt, pid };
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    };
    const recoveries: number[] = [];
    await atWork(0);
    while (recoveries.length < deaths) {
      starts.push(await startWorker());
      const { attempt, pid } = await atWork(0);
      const killed = performance.now();
      process.kill(pid, 'SIGKILL');
      dead.add(pid);
      await atWork(attempt);
      recoveries.push((performance.now() - killed) / 1000);
    }
    await handle.terminate('measured');
    return { starts, recoveries };
  } finally {
    for (const worker of workers) worker.kill('SIGKILL');
    await connection.close();
    await simulator.close();
    await temporal.stop();
  }
}
