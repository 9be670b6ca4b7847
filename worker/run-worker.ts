import { existsSync } from 'node:fs';
import { NativeConnection, Worker, type WorkerDeploymentOptions } from '@temporalio/worker';
import type { Logger } from 'pino';
import { checkCredentials, createActivities } from '../activities';
import type { WorkerConfig } from './config';
import { buildOnLogLines } from './logging';
import { ensureSearchAttributes } from './search-attributes';
import { grpcCode, StartError } from './start-error';

/** A worker that polls. */
export interface RunningWorker {
  /** Resolves when it has stopped; rejects when it broke. */
  readonly stopped: Promise<void>;
  /** Lets go of its work, and resolves when it has stopped. What it was doing goes on elsewhere. */
  stop: () => Promise<void>;
}

const connectLimitMs = 10_000;

/**
 * Starts a worker: connects to Temporal, makes sure that the cloud accepts us and that the namespace has our search
 * attributes, and polls.
 *
 * @throws {StartError} when Temporal or the cloud is missing or refuses us; the message says which variable to look at
 */
export async function runWorker(config: WorkerConfig, log: Logger): Promise<RunningWorker> {
  const { taskQueue, temporal, activities, bundle } = config;
  if (!existsSync(bundle)) throw new StartError(`The workflow bundle ${bundle} is missing. Run: npm run build`, 1);
  const credentials = checkCredentials(activities).then(
    () => undefined,
    (error: unknown) => new StartError(messageOf(error), 1),
  );
  const connection = await connectToTemporal(config);
  try {
    const refused = await credentials;
    if (refused) throw refused;
    const registered = await ensureSearchAttributes(connection, temporal.namespace);
    if (registered.length > 0) log.info({ registered }, 'registered search attributes');
    const worker = await createWorker(config, connection);
    const stopped = worker.run().finally(() => connection.close());
    const { address, namespace } = temporal;
    const { endpoint = 'Tencent Cloud', installation, allow } = activities;
    const { deployment } = config;
    log.info({ address, namespace, taskQueue, deployment, endpoint, installation, allow }, 'worker is ready');
    return {
      stopped,
      stop: async () => {
        if (worker.getState() === 'RUNNING') worker.shutdown();
        await stopped;
      },
    };
  } catch (error) {
    await connection.close().catch(() => undefined);
    throw error;
  }
}

function createWorker(config: WorkerConfig, connection: NativeConnection): Promise<Worker> {
  const throttle = config.heartbeatThrottleSeconds * 1000;
  return Worker.create({
    connection,
    namespace: config.temporal.namespace,
    taskQueue: config.taskQueue,
    workflowBundle: { codePath: config.bundle },
    activities: createActivities(config.activities),
    interceptors: { activity: [buildOnLogLines] },
    ...(config.deployment ? { workerDeploymentOptions: versioning(config.deployment) } : {}),
    maxConcurrentActivityTaskExecutions: config.maxActivities,
    maxCachedWorkflows: config.maxCachedWorkflows,
    maxHeartbeatThrottleInterval: throttle,
    defaultHeartbeatThrottleInterval: throttle,
    shutdownGraceTime: config.shutdownGraceSeconds * 1000,
    // Activities end with the grace time; what hangs beyond it is not to keep the process.
    shutdownForceTime: (config.shutdownGraceSeconds + 10) * 1000,
  });
}

/** Worker Versioning: builds go to workers of their version, or of the current one (docs/worker.md). */
const versioning = ({ name, buildId, behavior }: NonNullable<WorkerConfig['deployment']>): WorkerDeploymentOptions => ({
  version: { deploymentName: name, buildId },
  useWorkerVersioning: true,
  defaultVersioningBehavior: behavior,
});

/** Connects and makes sure that the namespace is there. */
async function connectToTemporal({ temporal }: WorkerConfig): Promise<NativeConnection> {
  const { connectionOptions, namespace, address } = temporal;
  const connecting = NativeConnection.connect(connectionOptions);
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${connectLimitMs / 1000} s`)), connectLimitMs);
  });
  let connection: NativeConnection | undefined;
  try {
    connection = await Promise.race([connecting, late]);
    const established = connection;
    await established.withDeadline(Date.now() + connectLimitMs, () =>
      established.workflowService.describeNamespace({ namespace }),
    );
    return established;
  } catch (error) {
    await connection?.close();
    throw new StartError(whyUnreachable(error, address, namespace), 3);
  } finally {
    clearTimeout(timer);
    // It may still fail after we have given up.
    connecting.catch(() => undefined);
  }
}

const notFound = 5;
const refusals = [7, 16];

function whyUnreachable(error: unknown, address: string, namespace: string): string {
  const code = grpcCode(error);
  if (code === notFound) {
    return `Temporal at ${address} has no namespace ${namespace}. Look at TEMPORAL_NAMESPACE, or create it: temporal operator namespace create --namespace ${namespace}`;
  }
  if (code !== undefined && refusals.includes(code)) {
    return `Temporal at ${address} refuses the worker: ${messageOf(error)}\nLook at TEMPORAL_API_KEY or TEMPORAL_TLS_CLIENT_CERT_PATH and TEMPORAL_TLS_CLIENT_KEY_PATH.`;
  }
  return `Temporal cannot be reached at ${address}: ${innermost(messageOf(error))}\nLook at TEMPORAL_ADDRESS, TEMPORAL_TLS and TEMPORAL_PROFILE. For a local stack: npm run dev`;
}

/** The native client tells a chain of structures; what happened is in the last message. */
const innermost = (text: string) => [...text.matchAll(/message: "([^"]+)"/g)].at(-1)?.[1] ?? text;

const messageOf = (error: unknown) => (error instanceof Error ? error.message : String(error));
