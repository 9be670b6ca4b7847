import { spawn } from '@lydell/node-pty';
import { Terminal as Emulator } from '@xterm/headless';
import assert from 'node:assert/strict';
import { untilTrue } from '../../dev/until';

export interface TerminalOptions {
  columns?: number;
  rows?: number;
  env?: NodeJS.ProcessEnv;
  cwd?: string;
}

/** A cell of the screen as it would be seen. */
export interface Cell {
  text: string;
  /** Number of the palette's colour; undefined where the terminal's own foreground shows. */
  color?: number;
  bold: boolean;
  dim: boolean;
}

/** A program in a pseudo-terminal of its own, with the screen that a person would see: xterm reads what it writes. */
export class Terminal {
  private readonly emulator: Emulator;
  private readonly pty: ReturnType<typeof spawn>;
  private exit: number | undefined;
  /** What the program has written. */
  written = '';
  /** The screen after every piece that the program has written. */
  readonly pictures: string[][] = [];

  constructor(
    command: string,
    args: string[],
    { columns = 80, rows = 24, env = {}, cwd = process.cwd() }: TerminalOptions = {},
  ) {
    this.emulator = new Emulator({ cols: columns, rows, allowProposedApi: true, scrollback: 1000 });
    this.pty = spawn(command, args, {
      name: 'xterm-256color',
      cols: columns,
      rows,
      cwd,
      env: { PATH: process.env.PATH, ...env },
    });
    this.pty.onData((data) => {
      this.written += data;
      this.emulator.write(data, () => this.pictures.push(this.lines));
    });
    // What programs ask of their terminal, such as where its cursor is.
    this.emulator.onData((answer) => this.pty.write(answer));
    this.pty.onExit(({ exitCode }) => (this.exit = exitCode));
  }

  /** What is on the screen and above it, line by line, without trailing blanks and empty lines. */
  get lines(): string[] {
    const { buffer } = this.emulator;
    const all = Array.from({ length: buffer.active.length }, (_, row) =>
      buffer.active.getLine(row)!.translateToString(true),
    );
    while (all.at(-1) === '') all.pop();
    return all;
  }

  get screen(): string {
    return this.lines.join('\n');
  }

  /** Those rows from `begin` to before `end` that go on with a line that was too wide. */
  wrappedRows(begin: number, end: number): number[] {
    const { active } = this.emulator.buffer;
    return Array.from({ length: end - begin }, (_, index) => begin + index).filter(
      (row) => active.getLine(row)?.isWrapped,
    );
  }

  /** Whether the program has left, or given back, the cursor. */
  get cursorVisible(): boolean {
    return this.written.lastIndexOf('\x1b[?25h') >= this.written.lastIndexOf('\x1b[?25l');
  }

  /** The cells of a line that show something. */
  cells(row: number): Cell[] {
    const line = this.emulator.buffer.active.getLine(row)!;
    return Array.from({ length: line.length }, (_, column) => line.getCell(column)!)
      .filter((cell) => cell.getChars().trim() !== '')
      .map((cell) => ({
        text: cell.getChars(),
        ...(cell.isFgDefault() ? {} : { color: cell.getFgColor() }),
        bold: cell.isBold() !== 0,
        dim: cell.isDim() !== 0,
      }));
  }

  type(text: string): void {
    this.pty.write(text);
  }

  resize(columns: number, rows: number): void {
    this.emulator.resize(columns, rows);
    this.pty.resize(columns, rows);
  }

  /** Waits until the screen is as asked for; what it shows instead is in the error. */
  async shows(what: string | RegExp | ((terminal: Terminal) => boolean), timeoutMs = 120_000): Promise<void> {
    const holds = () =>
      typeof what === 'string'
        ? this.screen.includes(what)
        : what instanceof RegExp
          ? what.test(this.screen)
          : what(this);
    if (await untilTrue(holds, timeoutMs)) return;
    assert.fail(`the screen does not show ${String(what)}:\n${this.screen}`);
  }

  /** Waits for the end of the program, and until all that it wrote is on the screen; answers its exit code. */
  async ended(timeoutMs = 180_000): Promise<number> {
    await untilTrue(() => this.exit !== undefined, timeoutMs);
    assert.notEqual(this.exit, undefined, `the program has not ended:\n${this.screen}`);
    await new Promise<void>((resolve) => this.emulator.write('', resolve));
    return this.exit!;
  }

  /** Makes sure that it is over, whatever the test came to. */
  async close(): Promise<void> {
    if (this.exit === undefined) this.pty.kill('SIGKILL');
    await untilTrue(() => this.exit !== undefined, 10_000);
    this.emulator.dispose();
  }
}
