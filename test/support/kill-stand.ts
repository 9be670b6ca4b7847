import { Client, Connection } from '@temporalio/client';
import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { startSimulator } from '../../simulator';
import { testDurations } from './build-stack';
import { until } from './judge';
import { SimulatorControl } from './simulator';
import { startTestTemporal, type TestTemporal } from './temporal';
import { startWorkerProcess } from './worker';

/** A cloud and a Temporal server, and workers as processes that can be killed. */
export interface KillStand {
  cloud: SimulatorControl;
  temporal: TestTemporal;
  client: Client;
  /** Adds a source instance; answers its ID. */
  instance(form: Record<string, unknown>): Promise<string>;
  /** A task queue of one's own. */
  newTaskQueue(): string;
  /** Starts a worker process there; it ends with the stand at the latest. */
  work(taskQueue: string): Promise<ChildProcessWithoutNullStreams>;
  /** Waits until a fault has met a call of this action. */
  untilMet(faultId: string, action: string): Promise<void>;
  stop(): Promise<void>;
}

/** @param imageQuota images that a region may hold, by region */
export async function startKillStand(imageQuota: Record<string, number> = {}): Promise<KillStand> {
  const workers: ChildProcessWithoutNullStreams[] = [];
  const simulator = await startSimulator({ port: 0, speed: 600, rateScale: 0, durations: testDurations });
  const cloud = new SimulatorControl(simulator.url);
  await cloud.seed({ imageQuota });
  const temporal = await startTestTemporal();
  const connection = await Connection.connect({ address: temporal.address });
  return {
    cloud,
    temporal,
    client: new Client({ connection, namespace: temporal.namespace }),
    instance: async (form) => {
      const id = `ins-${randomBytes(4).toString('hex')}`;
      await cloud.seed({ instances: [{ id, ...form }] });
      return id;
    },
    newTaskQueue: () => `kill-${randomBytes(4).toString('hex')}`,
    work: async (taskQueue) => {
      const worker = await startWorkerProcess({ temporal, taskQueue, endpoint: simulator.url });
      workers.push(worker);
      return worker;
    },
    untilMet: async (faultId, action) => {
      await until(async () => {
        const calls = await cloud.calls({ action });
        return calls.some(({ faults }) => faults.includes(faultId)) ? true : undefined;
      });
    },
    stop: async () => {
      for (const worker of workers) worker.kill('SIGKILL');
      await connection.close();
      await temporal.stop();
      await simulator.close();
    },
  };
}
