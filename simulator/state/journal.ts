import {
  appendFileSync,
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { type Row } from './table';

/** What one unit of work changed: written in one line, so that a kill leaves all of it or nothing. */
export interface Entry {
  readonly put?: Readonly<Record<string, readonly Row[]>>;
  readonly del?: Readonly<Record<string, readonly string[]>>;
  readonly call?: unknown;
}

/**
 * The write-ahead file of one data directory. Lines are handed to the operating system before the answer is sent, without
 * fsync: that survives the death of the process (which is what tests do to it), not the death of the machine.
 */
export class Journal {
  private readonly file: string;
  private written = 0;

  constructor(directory: string) {
    mkdirSync(directory, { recursive: true });
    this.file = join(directory, 'journal.jsonl');
  }

  /** Bytes appended since the last `compact`. */
  get growth(): number {
    return this.written;
  }

  /** Every whole line. A torn last line was never acknowledged to anyone, so it is dropped. */
  *read(): Generator<Entry> {
    if (!existsSync(this.file)) return;
    const lines = readFileSync(this.file, 'utf8').split('\n');
    const last = lines.pop();
    for (const line of lines) yield JSON.parse(line) as Entry;
    if (last !== undefined && last !== '') {
      try {
        yield JSON.parse(last) as Entry;
      } catch {
        // Torn by a kill in mid-write.
      }
    }
  }

  append(entry: Entry): void {
    const line = `${JSON.stringify(entry)}\n`;
    appendFileSync(this.file, line);
    this.written += line.length;
  }

  /** Replaces the file by these entries, in one rename. */
  compact(entries: Iterable<Entry>): void {
    const next = `${this.file}.next`;
    const handle = openSync(next, 'w');
    try {
      for (const entry of entries) writeSync(handle, `${JSON.stringify(entry)}\n`);
    } finally {
      closeSync(handle);
    }
    renameSync(next, this.file);
    this.written = 0;
  }
}
