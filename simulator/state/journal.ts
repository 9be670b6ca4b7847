import {
  closeSync,
  existsSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { lockDirectory } from './lock';
import { type Row } from './table';

/** What one unit of work changed: written in one line, so that a kill leaves all of it or nothing. */
export interface Entry {
  readonly put?: Readonly<Record<string, readonly Row[]>>;
  readonly del?: Readonly<Record<string, readonly string[]>>;
  readonly call?: unknown;
}

/** The rows of every table at one moment. */
export type Contents = readonly (readonly [table: string, rows: readonly Row[]])[];

/** Bytes after which a new segment begins. */
const segmentBytes = 4 * 1024 * 1024;
/** Calls that are still read after a restart, at least, unless they fill more than these bytes; older segments go. */
const keptCalls = 20_000;
const keptBytes = 32 * 1024 * 1024;
const rowsPerWrite = 200;

/** The disk did not take a change. Nothing of it is in the journal. */
export class NotWrittenError extends Error {
  override readonly name = 'NotWrittenError';
}

/**
 * The write-ahead log of one data directory: numbered segments, and beside the newest ones a file with the state at the
 * beginning of its segment, from which a restart goes on. That file is written in small pieces while requests go on.
 * Lines are handed to the operating system before the answer is sent, without fsync: that survives the death of the process
 * (which is what tests do to it), not the death of the machine.
 */
export class Journal {
  private number = 0;
  private handle: number | undefined;
  /** Bytes of the present segment: every process begins one of its own. */
  private written = 0;
  private failing = false;
  private readonly calls = new Map<number, number>();
  private writing: Promise<void> | undefined;
  private closed = false;

  private readonly unlock: () => void;

  /** Takes the directory; throws a DirectoryInUseError when another simulator has it. */
  constructor(private readonly directory: string) {
    makeDirectory(directory);
    this.unlock = lockDirectory(directory);
    try {
      // A state that a kill left half written.
      for (const name of readdirSync(directory))
        if (/^state-\d{8}\.jsonl\.next$/.test(name)) rmSync(join(directory, name), { force: true });
      const old = join(directory, 'journal.jsonl');
      // How the first version called its only file.
      if (existsSync(old)) renameSync(old, this.segment(0));
    } catch (error) {
      this.unlock();
      throw error;
    }
  }

  private segment(number: number): string {
    return join(this.directory, `segment-${String(number).padStart(8, '0')}.jsonl`);
  }

  private state(number: number): string {
    return join(this.directory, `state-${String(number).padStart(8, '0')}.jsonl`);
  }

  private numbers(kind: 'segment' | 'state'): number[] {
    const name = new RegExp(`^${kind}-(\\d{8})\\.jsonl$`);
    return readdirSync(this.directory)
      .flatMap((file) => name.exec(file)?.[1] ?? [])
      .map(Number)
      .sort((a, b) => a - b);
  }

  /** Whether it is time for `begin`. */
  get isFull(): boolean {
    return this.written > segmentBytes && this.writing === undefined;
  }

  /**
   * Everything that was written: calls from before the newest state, that state, and what changed since. What is appended
   * afterwards goes into a segment of its own, never behind a line that a kill has torn. Throws an Error that names file and
   * line when one of them cannot be read.
   */
  *read(): Generator<Entry> {
    const from = this.numbers('state').at(-1);
    const segments = this.numbers('segment');
    for (const number of segments) {
      if (from === undefined || number >= from) continue;
      for (const { call } of this.lines(number)) if (call !== undefined) yield { call };
    }
    if (from !== undefined) yield* parse(this.state(from));
    for (const number of segments) if (from === undefined || number >= from) yield* this.lines(number);
    this.number = Math.max(-1, ...segments, from ?? -1) + 1;
  }

  private *lines(number: number): Generator<Entry> {
    let calls = 0;
    for (const entry of parse(this.segment(number))) {
      if (entry.call !== undefined) calls++;
      yield entry;
    }
    this.calls.set(number, calls);
  }

  /** Writes entries, all of them or none: throws a NotWrittenError when the disk does not take them. */
  append(...entries: readonly Entry[]): void {
    // Nobody can be told any more.
    if (this.closed) return;
    const lines = Buffer.from(entries.map((entry) => `${JSON.stringify(entry)}\n`).join(''));
    try {
      this.handle ??= openSync(this.segment(this.number), 'a');
      this.write(this.handle, lines);
    } catch (error) {
      const { message } = error as Error;
      if (!this.failing) report(`the state cannot be written, so requests are refused until it can: ${message}`);
      this.failing = true;
      throw new NotWrittenError(message);
    }
    if (this.failing) report('the state is written again');
    this.failing = false;
    this.written += lines.length;
    const calls = entries.filter((entry) => entry.call !== undefined).length;
    this.calls.set(this.number, (this.calls.get(this.number) ?? 0) + calls);
  }

  /** Writes all bytes: the system may take a part of them first. What it took of bytes that it then refuses is cut off again. */
  private write(handle: number, bytes: Buffer): void {
    try {
      for (let at = 0; at < bytes.length;) at += writeSync(handle, bytes, at);
    } catch (error) {
      try {
        ftruncateSync(handle, this.written);
      } catch {
        // The torn line stays the last of its segment, where it is passed over.
        closeSync(handle);
        this.handle = undefined;
        this.number++;
        this.written = 0;
      }
      throw error;
    }
  }

  /**
   * Begins a new segment, and writes what there is at its beginning beside it while other work goes on. `forgetting`: the
   * calls of older segments are not wanted any more. When there is no room for it, the present segment goes on.
   */
  begin(contents: Contents, forgetting = false): void {
    if (this.closed) return;
    const number = this.handle === undefined ? this.number : this.number + 1;
    let handle: number;
    try {
      handle = openSync(this.segment(number), 'a');
    } catch (error) {
      report(`no new segment of the journal could be begun: ${(error as Error).message}`);
      return;
    }
    if (this.handle !== undefined) closeSync(this.handle);
    this.number = number;
    this.handle = handle;
    this.written = 0;
    const previous = this.writing;
    const writing = (async () => {
      await previous;
      if (await this.writeState(number, contents)) this.prune(number, forgetting ? 0 : keptCalls);
    })()
      .catch((error: unknown) => {
        if (!this.closed) report(`the state could not be written: ${(error as Error).message}`);
      })
      .finally(() => {
        if (this.writing === writing) this.writing = undefined;
      });
    this.writing = writing;
  }

  private async writeState(number: number, contents: Contents): Promise<boolean> {
    const next = `${this.state(number)}.next`;
    try {
      const file = await open(next, 'w');
      try {
        for (const [table, rows] of contents) {
          for (let from = 0; from < rows.length; from += rowsPerWrite) {
            if (this.closed) return false;
            await file.writeFile(`${JSON.stringify({ put: { [table]: rows.slice(from, from + rowsPerWrite) } })}\n`);
          }
        }
      } finally {
        await file.close();
      }
      await rename(next, this.state(number));
      return true;
    } finally {
      await rm(next, { force: true });
    }
  }

  /** Deletes what a restart does not need any more. */
  private prune(number: number, wanted: number): void {
    for (const other of this.numbers('state')) if (other < number) rmSync(this.state(other), { force: true });
    let calls = this.calls.get(number) ?? 0;
    let bytes = 0;
    for (const other of this.numbers('segment').reverse()) {
      if (other >= number) continue;
      const own = this.calls.get(other) ?? 0;
      bytes += statSync(this.segment(other)).size;
      if (own === 0 || calls >= wanted || bytes > keptBytes) {
        rmSync(this.segment(other), { force: true });
        this.calls.delete(other);
      } else calls += own;
    }
  }

  /** Stops writing, and gives the directory back. What has been appended is there; a state that is half written is not needed. */
  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    await this.writing;
    if (this.handle !== undefined) closeSync(this.handle);
    this.handle = undefined;
    this.unlock();
  }
}

function makeDirectory(directory: string): void {
  try {
    mkdirSync(directory, { recursive: true });
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const why = code === 'EEXIST' || code === 'ENOTDIR' ? 'there is a file in its place' : message;
    throw new Error(`${directory} cannot be the data directory: ${why}`, { cause: error });
  }
}

function report(what: string): void {
  process.stderr.write(`simulator: ${what}\n`);
}

/** Every whole line. A last line without its end is torn: it was never acknowledged to anyone, so it is passed over. */
function* parse(file: string): Generator<Entry> {
  const lines = readFileSync(file, 'utf8').split('\n');
  lines.pop();
  for (const [index, line] of lines.entries()) {
    let entry: unknown;
    try {
      entry = JSON.parse(line);
    } catch {
      // Said below.
    }
    if (typeof entry !== 'object' || entry === null) {
      throw new Error(
        `line ${index + 1} of ${file} is damaged, so the state cannot be read: put a copy of the directory in its place, or move the directory away to begin with the seed again`,
      );
    }
    yield entry;
  }
}
