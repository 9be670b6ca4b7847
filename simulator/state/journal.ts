import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
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
/** Calls that are still read after a restart, at least; older segments go. */
const keptCalls = 20_000;
const rowsPerWrite = 200;

/**
 * The write-ahead log of one data directory: numbered segments, and beside the newest ones a file with the state at the
 * beginning of its segment, from which a restart goes on. That file is written in small pieces while requests go on.
 * Lines are handed to the operating system before the answer is sent, without fsync: that survives the death of the process
 * (which is what tests do to it), not the death of the machine.
 */
export class Journal {
  private number = 0;
  private handle: number | undefined;
  private written = 0;
  private readonly calls = new Map<number, number>();
  private writing: Promise<void> | undefined;
  private closed = false;

  constructor(private readonly directory: string) {
    mkdirSync(directory, { recursive: true });
    const old = join(directory, 'journal.jsonl');
    // How the first version called its only file.
    if (existsSync(old)) renameSync(old, this.segment(0));
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

  /** Everything that was written: calls from before the newest state, that state, and what changed since. */
  *read(): Generator<Entry> {
    const from = this.numbers('state').at(-1);
    const segments = this.numbers('segment');
    for (const number of segments) {
      if (from === undefined || number >= from) continue;
      for (const { call } of this.lines(number)) if (call !== undefined) yield { call };
    }
    if (from !== undefined) yield* parse(this.state(from));
    for (const number of segments) if (from === undefined || number >= from) yield* this.lines(number);
    this.number = Math.max(0, ...segments, from ?? 0);
  }

  private *lines(number: number): Generator<Entry> {
    let calls = 0;
    for (const entry of parse(this.segment(number))) {
      if (entry.call !== undefined) calls++;
      yield entry;
    }
    this.calls.set(number, calls);
  }

  append(entry: Entry): void {
    // Nobody can be told any more.
    if (this.closed) return;
    this.handle ??= openSync(this.segment(this.number), 'a');
    const line = Buffer.from(`${JSON.stringify(entry)}\n`);
    writeSync(this.handle, line);
    this.written += line.length;
    if (entry.call !== undefined) this.calls.set(this.number, (this.calls.get(this.number) ?? 0) + 1);
  }

  /**
   * Begins a new segment, and writes what there is at its beginning beside it while other work goes on. `forgetting`: the
   * calls of older segments are not wanted any more.
   */
  begin(contents: Contents, forgetting = false): void {
    if (this.closed) return;
    if (this.handle !== undefined) closeSync(this.handle);
    this.number++;
    this.written = 0;
    this.handle = openSync(this.segment(this.number), 'a');
    const { number } = this;
    const previous = this.writing;
    this.writing = (async () => {
      await previous;
      if (await this.writeState(number, contents)) this.prune(number, forgetting ? 0 : keptCalls);
    })()
      .catch((error: unknown) => {
        if (!this.closed) process.stderr.write(`simulator: the state could not be written: ${String(error)}\n`);
      })
      .finally(() => {
        this.writing = undefined;
      });
  }

  private async writeState(number: number, contents: Contents): Promise<boolean> {
    const next = `${this.state(number)}.next`;
    const file = await open(next, 'w');
    try {
      for (const [table, rows] of contents) {
        for (let from = 0; from < rows.length; from += rowsPerWrite) {
          if (this.closed) return false;
          await file.write(`${JSON.stringify({ put: { [table]: rows.slice(from, from + rowsPerWrite) } })}\n`);
        }
      }
    } finally {
      await file.close();
      if (this.closed) await rm(next, { force: true });
    }
    await rename(next, this.state(number));
    return true;
  }

  /** Deletes what a restart does not need any more. */
  private prune(number: number, wanted: number): void {
    for (const other of this.numbers('state')) if (other < number) rmSync(this.state(other), { force: true });
    let calls = this.calls.get(number) ?? 0;
    for (const other of this.numbers('segment').reverse()) {
      if (other >= number) continue;
      if (calls >= wanted) rmSync(this.segment(other), { force: true });
      calls += this.calls.get(other) ?? 0;
    }
  }

  /** Stops writing. What has been appended is there; a state that is half written is not needed. */
  async close(): Promise<void> {
    this.closed = true;
    await this.writing;
    if (this.handle !== undefined) closeSync(this.handle);
    this.handle = undefined;
  }
}

/** Every whole line. A torn last line was never acknowledged to anyone, so it is dropped. */
function* parse(file: string): Generator<Entry> {
  const lines = readFileSync(file, 'utf8').split('\n');
  const last = lines.pop();
  for (const line of lines) yield JSON.parse(line) as Entry;
  if (last === undefined || last === '') return;
  try {
    yield JSON.parse(last) as Entry;
  } catch {
    // Torn by a kill in mid-write.
  }
}
