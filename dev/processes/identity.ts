import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { untilTrue } from '../until';

const run = promisify(execFile);

/** A process that can be told from a later one with the same PID. */
export interface ProcessIdentity {
  pid: number;
  /** When it was started, in whatever form the system tells; compared, never read. */
  started: string;
}

/** Who has this PID now; undefined when nobody has. */
export async function identify(pid: number): Promise<ProcessIdentity | undefined> {
  const started = existsSync('/proc/self/stat') ? await startedByProc(pid) : await startedByPs(pid);
  return started === undefined ? undefined : { pid, started };
}

/** Whether that very process still runs. */
export async function stillRuns({ pid, started }: ProcessIdentity): Promise<boolean> {
  return (await identify(pid))?.started === started;
}

/**
 * Ends a process that may not be our child: asks first, and kills it when it has not gone after `graceMs`. A PID that
 * belongs to somebody else by now is left alone.
 */
export async function endProcess(identity: ProcessIdentity, graceMs = 10_000): Promise<void> {
  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    if (!(await stillRuns(identity))) return;
    try {
      process.kill(identity.pid, signal);
    } catch {
      // It went in the meantime.
    }
    await untilTrue(async () => !(await stillRuns(identity)), signal === 'SIGTERM' ? graceMs : 5_000);
  }
}

/** Linux: clock ticks since boot, with the boot's own ID. A zombie counts as gone. */
async function startedByProc(pid: number): Promise<string | undefined> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
    // The second field is the command in parentheses and may contain anything, so count from the last one.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    if (fields[0] === 'Z' || fields[0] === 'X') return undefined;
    const boot = await readFile('/proc/sys/kernel/random/boot_id', 'utf8').catch(() => '');
    return `${fields[19] ?? ''}@${boot.trim()}`;
  } catch {
    return undefined;
  }
}

async function startedByPs(pid: number): Promise<string | undefined> {
  try {
    const { stdout } = await run('ps', ['-o', 'lstart=', '-o', 'state=', '-p', String(pid)], {
      env: { ...process.env, LC_ALL: 'C' },
    });
    const line = stdout.trim();
    return line === '' || /\sZ\S*$/.test(line) ? undefined : line.replace(/\s+\S+$/, '');
  } catch {
    return undefined;
  }
}
