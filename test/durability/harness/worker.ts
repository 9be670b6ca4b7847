import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { bundlePath } from '../../support/bare-worker';
import { leanBundle } from './bundles';
import type { Key, Twice, WorkerForm } from './scenario';
import { workerProgram } from './worker-program';

export interface WorkerPlace {
  address: string;
  namespace: string;
  taskQueue: string;
  /** The simulator's URL. */
  endpoint: string;
}

const inHarness = (file: string) => path.resolve(__dirname, file);

const alive = new Set<ChildProcess>();
// One that stands still does not notice that we are gone.
process.once('exit', () => {
  for (const child of alive) child.kill('SIGKILL');
});

/** A form whose key is known. */
export type WorkerWithKey = Omit<WorkerForm, 'key'> & {
  key?: Key;
  /**
   * It lives long enough to be worth a thread for its workflows, as workers have it. Starting that is a third of starting a worker,
   * and one that is to be killed dies as a whole with it or without.
   */
  hasThread?: true;
};

/** What a worker is told when it begins. */
export interface Given extends WorkerPlace {
  form: WorkerWithKey & { bundle: string };
  /** Says when an attempt begins and ends. */
  tells: boolean;
}

/** A worker as a process of its own, which ends with us. */
export interface WorkerProcess {
  pid: number;
  /** It was neither killed nor stopped so far. */
  readonly isWhole: boolean;
  /** SIGKILL; comes back when it is gone. */
  kill(): Promise<void>;
  /** SIGSTOP. */
  freeze(): void;
  /** SIGCONT. */
  wake(): void;
  /** Has it do these activities of the builds of an instance twice. */
  repeat(instanceId: string, twice: Twice): void;
  /** Lets it end what it does; comes back when it is gone. */
  drain(): Promise<void>;
}

/** An attempt of an activity begins or ends in a worker. */
export interface ActivityEvent {
  at: 'start' | 'end';
  pid: number;
  /** Workflow run and activity: the same for all its attempts. */
  activity: string;
}

/** What a worker is to do twice. */
export interface Repetition {
  instanceId: string;
  twice: Twice;
}

/**
 * Starts a worker, and comes back when it polls.
 *
 * @param onActivity is told of every attempt
 */
export async function startWorker(
  place: WorkerPlace,
  form: WorkerWithKey,
  onActivity?: (event: ActivityEvent) => void,
): Promise<WorkerProcess> {
  const { id, secret } = form.key ?? { id: 'AKIDsimulator', secret: 'simulator' };
  const given: Given = {
    ...place,
    form: { ...form, bundle: form.bundle ?? (form.hasThread ? bundlePath : leanBundle()) },
    tells: onActivity !== undefined,
  };
  // Its thread is begun from a module of the SDK.
  const scripts = form.hasThread
    ? [inHarness('worker-process.js')]
    : [inHarness('begin-worker.js'), await workerProgram()];
  const child = spawn(process.execPath, [...scripts, JSON.stringify(given)], {
    env: { ...process.env, TENCENTCLOUD_SECRET_ID: id, TENCENTCLOUD_SECRET_KEY: secret },
    // What it says to people is of the SDK's core; it tells us by messages.
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const ended = once(child, 'exit');
  alive.add(child);
  child.once('exit', () => alive.delete(child));
  const [first] = (await Promise.race([once(child, 'message'), ended])) as [unknown];
  if (first !== 'ready') throw new Error(`the worker ended before it polled (${String(first)})`);
  if (onActivity) child.on('message', (event) => onActivity(event as ActivityEvent));
  let frozen = false;
  return {
    pid: child.pid!,
    get isWhole() {
      return !frozen && alive.has(child) && !child.killed;
    },
    kill: () => end(child, 'SIGKILL', ended),
    freeze: () => {
      frozen = true;
      child.kill('SIGSTOP');
    },
    wake: () => void child.kill('SIGCONT'),
    repeat: (instanceId, twice) => void child.send({ instanceId, twice } satisfies Repetition),
    drain: () => end(child, 'SIGTERM', ended),
  };
}

async function end(child: ChildProcess, signal: NodeJS.Signals, ended: Promise<unknown>) {
  child.kill(signal);
  await ended;
}
