import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import type { WorkerForm } from './scenario';

export interface WorkerPlace {
  address: string;
  namespace: string;
  taskQueue: string;
  /** The simulator's URL. */
  endpoint: string;
}

/** A worker as a process of its own, which ends with us. */
export interface WorkerProcess {
  pid: number;
  /** SIGKILL; comes back when it is gone. */
  kill(): Promise<void>;
  /** SIGSTOP. */
  freeze(): void;
  /** SIGCONT. */
  wake(): void;
  /** Lets it end what it does; comes back when it is gone. */
  drain(): Promise<void>;
}

/** Starts a worker, and comes back when it polls. */
export async function startWorker(place: WorkerPlace, form: WorkerForm): Promise<WorkerProcess> {
  const { address, namespace, taskQueue, endpoint } = place;
  const { id, secret } = form.key ?? { id: 'AKIDsimulator', secret: 'simulator' };
  const script = path.resolve(__dirname, 'worker-process.js');
  const child = spawn(process.execPath, [script, JSON.stringify({ address, namespace, taskQueue, endpoint, form })], {
    env: { ...process.env, TENCENTCLOUD_SECRET_ID: id, TENCENTCLOUD_SECRET_KEY: secret },
  });
  child.stderr.pipe(process.stderr);
  const ended = once(child, 'exit');
  const [first] = (await Promise.race([once(child.stdout, 'data'), ended])) as [unknown];
  if (!Buffer.isBuffer(first)) throw new Error(`the worker ended before it polled (${String(first)})`);
  return {
    pid: child.pid!,
    kill: () => end(child, 'SIGKILL', ended),
    freeze: () => void child.kill('SIGSTOP'),
    wake: () => void child.kill('SIGCONT'),
    drain: () => end(child, 'SIGTERM', ended),
  };
}

async function end(child: ChildProcessWithoutNullStreams, signal: NodeJS.Signals, ended: Promise<unknown>) {
  child.kill(signal);
  await ended;
}
