import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { identify, type ProcessIdentity } from './identity';

export interface ChildOptions {
  /** As messages call it. */
  name: string;
  command: string;
  args: readonly string[];
  env?: NodeJS.ProcessEnv;
  /** Where its output goes; absent: nowhere. */
  logFile?: string;
  /** Let it live on when this process ends. Default: it is ended, whatever this process dies of. */
  outlivesUs?: boolean;
  /** Told as soon as it has a PID, long before anybody knows whether it comes up. */
  onStarted?: (name: string, identity: ProcessIdentity) => void;
}

/** A program that we started. */
export interface Child {
  readonly name: string;
  readonly identity: ProcessIdentity;
  readonly logFile: string | undefined;
  /** Resolves when it has ended, with how: `code 1`, `SIGKILL`. */
  readonly ended: Promise<string>;
  /** How it ended; undefined while it runs. */
  readonly outcome: string | undefined;
  /** What it wrote to its log so far. */
  output(): string;
  /** Asks it to end, kills it when it does not within the grace time, and waits until it is gone. */
  stop(graceMs?: number): Promise<void>;
}

/**
 * Becomes the program after leaving a small shell behind that waits for a line on file descriptor 3. The end of that
 * pipe without a line means that we died, of `kill -9` even; then the shell ends the program.
 */
const guardScript = '(read -r _ <&3 || kill $$) & exec "$@" 3<&-';

/**
 * Starts a program in a session of its own, so that Ctrl-C in the terminal reaches us alone and we can end things in
 * order.
 *
 * @throws Error when it cannot be started at all
 */
export async function startChild(options: ChildOptions): Promise<Child> {
  const { name, command, args, logFile, outlivesUs = false } = options;
  const guarded = !outlivesUs && process.platform !== 'win32';
  if (logFile !== undefined) mkdirSync(path.dirname(logFile), { recursive: true });
  const log = logFile === undefined ? ('ignore' as const) : openSync(logFile, 'a');
  const logStart = logFile === undefined ? 0 : readFileSync(logFile).length;
  const [file, argv] = guarded ? ['/bin/sh', ['-c', guardScript, name, command, ...args]] : [command, [...args]];
  const child = spawn(file, argv, {
    env: options.env ?? process.env,
    stdio: ['ignore', log, log, guarded ? 'pipe' : 'ignore'],
    detached: true,
  });
  if (typeof log === 'number') closeSync(log);
  const watch = endOf(child);
  await new Promise<void>((resolve, reject) => child.once('spawn', resolve).once('error', reject));
  const pid = child.pid!;
  const identity = (await identify(pid)) ?? { pid, started: 'gone' };
  options.onStarted?.(name, identity);
  // Neither the child nor its guard is a reason for this process to stay.
  if (outlivesUs) child.unref();
  return {
    name,
    identity,
    logFile,
    ended: watch.ended,
    get outcome() {
      return watch.outcome();
    },
    output: () => (logFile === undefined ? '' : readFileSync(logFile).subarray(logStart).toString('utf8')),
    stop: async (graceMs = 10_000) => {
      if (watch.outcome() !== undefined) return;
      child.kill('SIGTERM');
      const killer = setTimeout(() => child.kill('SIGKILL'), graceMs);
      await watch.ended;
      clearTimeout(killer);
    },
  };
}

function endOf(child: ChildProcess): { ended: Promise<string>; outcome: () => string | undefined } {
  let outcome: string | undefined;
  const ended = new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('exit', (code, signal) => {
      outcome = signal ?? `code ${code ?? '?'}`;
      const guard = child.stdio[3];
      // The line tells the guard that there is nothing left to end: the PID may be somebody else's soon.
      if (guard && 'end' in guard) guard.on('error', () => undefined).end('\n');
      resolve(outcome);
    });
  });
  return { ended, outcome: () => outcome };
}
