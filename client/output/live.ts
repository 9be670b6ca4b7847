import { stripVTControlCharacters } from 'node:util';
import type { BuildView } from '../view';
import { frame } from './frame';
import { colorsFor, displayWidth } from './text';

const hideCursor = '\x1b[?25l';
const showCursor = '\x1b[?25h';
/** Terminals that know it show what is between the two at once; others pass over it. */
const [beginFrame, endFrame] = ['\x1b[?2026h', '\x1b[?2026l'];

/** Draws a build in place: each frame over the one before, in one write, so that nothing flickers. */
export class LiveView {
  private view: BuildView | undefined;
  /** Columns that each line on the screen takes. */
  private drawn: number[] = [];
  private readonly timer: NodeJS.Timeout;
  private readonly redraw = () => this.draw();
  private readonly restoreCursor = () => this.stream.write(showCursor);

  constructor(private readonly stream: NodeJS.WriteStream) {
    stream.write(hideCursor);
    process.on('exit', this.restoreCursor);
    stream.on('resize', this.redraw);
    // Between two states only the clock goes on.
    this.timer = setInterval(this.redraw, 1000).unref();
  }

  show(view: BuildView): void {
    this.view = view;
    this.draw();
  }

  /** Leaves the last frame on the screen and gives the terminal back. */
  end(): void {
    clearInterval(this.timer);
    this.stream.off('resize', this.redraw);
    process.off('exit', this.restoreCursor);
    this.stream.write(showCursor);
  }

  private draw(): void {
    if (!this.view) return;
    const { columns, rows } = sizeOf(this.stream);
    const lines = frame(this.view, { colors: colorsFor(this.stream), columns, rows: rows - 1, now: Date.now() });
    // A terminal that was made narrower has wrapped what was on it; what has left it at the top is out of reach.
    const wrapped = this.drawn.reduce((sum, width) => sum + Math.max(1, Math.ceil(width / columns)), 0);
    const up = Math.min(wrapped, rows - 1);
    const back = up === 0 ? '\r' : `\r\x1b[${up}A`;
    const widths = lines.map((one) => displayWidth(stripVTControlCharacters(one)));
    // In a line that is full the cursor stands on the last character, which clearing would take away.
    const text = lines.map((one, index) => `${one}${widths[index]! < columns ? '\x1b[K' : ''}\n`).join('');
    this.stream.write(`${beginFrame}${back}${text}\x1b[J${endFrame}`);
    this.drawn = widths;
  }
}

/** Some terminals, such as those of CI systems, say 0 or nothing. */
function sizeOf({ columns, rows }: { columns?: number; rows?: number }): { columns: number; rows: number } {
  return {
    columns: columns === undefined || columns < 1 ? 80 : columns,
    rows: rows === undefined || rows < 1 ? 24 : rows,
  };
}
