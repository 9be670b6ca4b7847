import { randomBytes } from 'node:crypto';
import { linkSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Another simulator keeps its state in the data directory. */
export class DirectoryInUseError extends Error {
  override readonly name = 'DirectoryInUseError';

  constructor(
    directory: string,
    /** The process that has it. */
    readonly pid: number,
  ) {
    super(
      `the data directory ${directory} is in use by process ${pid}: stop that one first (kill ${pid}), or give this one a directory of its own`,
    );
  }
}

/** The process that has a directory. */
interface Holder {
  readonly pid: number;
  /** When the process began, as the system tells it: what a later process of the same number does not share. Null where it is not told. */
  readonly began: string | null;
}

const fileName = /^lock-(\d{8})$/;
const draftName = /^lock\.(\d+)\.[0-9a-f]+$/;

/**
 * Takes a directory for this process; answers how to give it back. Throws a DirectoryInUseError when another living process
 * has it, or this one already. The lock of a process that is gone is taken over.
 *
 * Every lock has a number, and the highest counts. It is taken by creating the next one, which only one of many can do;
 * removing a stale lock instead could hit the lock of somebody who was quicker. For the same reason a lock that is given back
 * stays, empty: a number that was used never comes again.
 */
export function lockDirectory(directory: string): () => void {
  const text = JSON.stringify({ pid: process.pid, began: beganAt(process.pid) } satisfies Holder);
  const draft = join(directory, `lock.${process.pid}.${randomBytes(6).toString('hex')}`);
  const lock = (number: number): string => join(directory, `lock-${String(number).padStart(8, '0')}`);
  // Linked into place, so that nobody sees a lock without its text.
  writeFileSync(draft, text);
  try {
    for (;;) {
      const last = locks(directory).at(-1) ?? 0;
      const holder = last === 0 ? undefined : holderIn(lock(last));
      if (holder !== undefined && isAlive(holder)) throw new DirectoryInUseError(directory, holder.pid);
      const own = last + 1;
      if (!create(lock(own), draft, text)) continue;
      // Somebody may have taken and given back this number and more since we looked.
      if (locks(directory).at(-1) !== own) {
        rmSync(lock(own), { force: true });
        continue;
      }
      tidy(directory, own);
      return () => {
        giveBack(lock(own));
      };
    }
  } finally {
    rmSync(draft, { force: true });
  }
}

function giveBack(lock: string): void {
  try {
    truncateSync(lock);
  } catch (error) {
    // Somebody has removed the directory.
    if (codeOf(error) !== 'ENOENT') throw error;
  }
}

/** Creates a lock; says whether nobody else was quicker. */
function create(lock: string, draft: string, text: string): boolean {
  try {
    linkSync(draft, lock);
    return true;
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    // A file system without hard links.
    if (!['EPERM', 'ENOTSUP', 'ENOSYS'].includes(codeOf(error))) throw error;
  }
  try {
    writeFileSync(lock, text, { flag: 'wx' });
    return true;
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    throw error;
  }
}

/** Removes the locks before ours, and what starters left that were killed in the middle. */
function tidy(directory: string, own: number): void {
  for (const name of readdirSync(directory)) {
    const [, number] = fileName.exec(name) ?? [];
    const [, pid] = draftName.exec(name) ?? [];
    const old = number !== undefined && Number(number) < own;
    if (old || (pid !== undefined && !isAlive({ pid: Number(pid), began: null })))
      rmSync(join(directory, name), { force: true });
  }
}

function locks(directory: string): number[] {
  return readdirSync(directory)
    .flatMap((name) => fileName.exec(name)?.[1] ?? [])
    .map(Number)
    .sort((a, b) => a - b);
}

/** Who has the lock; undefined when it was given back. */
function holderIn(lock: string): Holder | undefined {
  try {
    return JSON.parse(readFileSync(lock, 'utf8')) as Holder;
  } catch {
    return undefined;
  }
}

function isAlive({ pid, began }: Holder): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if (codeOf(error) !== 'EPERM') return false;
  }
  const now = beganAt(pid);
  return now !== 'dead' && (began === null || now === null || now === began);
}

/** When a process began, from Linux's /proc; null where that is not told, 'dead' for one that only waits to be reaped. */
function beganAt(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The second field is a name in brackets that may hold anything; the third is the state, the 22nd the time since the boot.
    const [state = '', ...rest] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    if (state === 'Z' || state === 'X') return 'dead';
    return `${readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim()}/${rest[18] ?? ''}`;
  } catch {
    return null;
  }
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? '';
}
