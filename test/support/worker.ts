import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';

interface Place {
  temporal: { address: string; namespace: string };
  taskQueue: string;
  /** The simulator's URL. */
  endpoint: string;
}

/** Starts a worker as a process of its own, which ends with us, and waits until it polls. */
export async function startWorkerProcess(
  { temporal, taskQueue, endpoint }: Place,
  key: { id: string; secret: string } = { id: 'AKIDsimulator', secret: 'simulator' },
): Promise<ChildProcessWithoutNullStreams> {
  const script = path.resolve(__dirname, 'worker-process.js');
  const worker = spawn(process.execPath, [script, temporal.address, temporal.namespace, taskQueue, endpoint], {
    env: { ...process.env, TENCENTCLOUD_SECRET_ID: key.id, TENCENTCLOUD_SECRET_KEY: key.secret },
  });
  worker.stderr.pipe(process.stderr);
  await once(worker.stdout, 'data');
  return worker;
}

/** Ends a worker process at once, and waits until it is gone. */
export async function killProcess(worker: ChildProcessWithoutNullStreams): Promise<void> {
  worker.kill('SIGKILL');
  if (worker.exitCode === null && worker.signalCode === null) await once(worker, 'exit');
}
