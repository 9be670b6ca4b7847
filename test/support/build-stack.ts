import { type Client, Connection, Client as TemporalClient, type WorkflowHandle } from '@temporalio/client';
import { NativeConnection, Worker, type WorkerOptions } from '@temporalio/worker';
import { randomBytes } from 'node:crypto';
import { createActivities } from '../../activities';
import type { ActivitySettings } from '../../activities/settings';
import { type BuildResult, type BuildSpecInput, buildWorkflowId, buildWorkflowType } from '../../contract';
import { startSimulator } from '../../simulator';
import { bundlePath, quietLogs } from './bare-worker';
import { SimulatorControl } from './simulator';
import { testSettings, useSimulatorCredentials } from './settings';
import { startTestTemporal } from './temporal';

type SimulatorOptions = NonNullable<Parameters<typeof startSimulator>[0]>;

/** A Temporal server, a simulator and a worker in this process, for one test file. */
export interface BuildStack {
  client: Client;
  temporal: { address: string; namespace: string };
  cloud: SimulatorControl;
  taskQueue: string;
  /** Adds an instance of a test's own; answers its ID. */
  instance(form: Record<string, unknown>): Promise<string>;
  start(spec: BuildSpecInput): Promise<WorkflowHandle<(spec: BuildSpecInput) => Promise<BuildResult>>>;
  stop(): Promise<void>;
}

/** Durations in simulated seconds, long enough to be waited for and short enough for a test at speed 600. */
export const testDurations = { stop: 60, start: 60, snapshot: 180, image: 360, launch: 60, terminate: 30 };

export async function startBuildStack(
  options: {
    simulator?: Partial<SimulatorOptions>;
    settings?: Partial<ActivitySettings>;
    worker?: Partial<WorkerOptions>;
    /** Of the Temporal server: `key=value`. */
    dynamicConfig?: readonly string[];
  } = {},
): Promise<BuildStack> {
  useSimulatorCredentials();
  quietLogs();
  const [temporal, simulator] = await Promise.all([
    startTestTemporal(options.dynamicConfig),
    startSimulator({
      port: 0,
      strictAnswers: true,
      speed: 600,
      rateScale: 0,
      durations: testDurations,
      ...options.simulator,
    }),
  ]);
  const { address, namespace } = temporal;
  const nativeConnection = await NativeConnection.connect({ address });
  const taskQueue = `builds-${randomBytes(4).toString('hex')}`;
  const worker = await Worker.create({
    connection: nativeConnection,
    namespace,
    taskQueue,
    workflowBundle: { codePath: bundlePath },
    activities: createActivities(testSettings(simulator.url, options.settings)),
    maxConcurrentActivityTaskExecutions: 200,
    maxHeartbeatThrottleInterval: '100ms',
    defaultHeartbeatThrottleInterval: '100ms',
    shutdownGraceTime: '100ms',
    ...options.worker,
  });
  const running = worker.run();
  const connection = await Connection.connect({ address });
  const client = new TemporalClient({ connection, namespace });
  const cloud = new SimulatorControl(simulator.url);
  return {
    client,
    temporal,
    cloud,
    taskQueue,
    instance: async (form) => {
      const id = `ins-${randomBytes(4).toString('hex')}`;
      await cloud.seed({ instances: [{ id, ...form }] });
      return id;
    },
    start: (spec) =>
      client.workflow.start<(spec: BuildSpecInput) => Promise<BuildResult>>(buildWorkflowType, {
        workflowId: buildWorkflowId(spec.region, spec.instanceId),
        taskQueue,
        args: [spec],
      }),
    stop: async () => {
      worker.shutdown();
      await running;
      await connection.close();
      await nativeConnection.close();
      await simulator.close();
      await temporal.stop();
    },
  };
}
