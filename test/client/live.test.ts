import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { describe, test } from 'node:test';
import { LiveView } from '../../client/output/live';
import { ran, viewWith } from './views';

/** A terminal that keeps what is written, and knows the few codes that the live view uses. */
class Screen extends EventEmitter {
  readonly isTTY = true;
  rows = 24;
  readonly writes: string[] = [];
  readonly lines: string[] = [''];
  private row = 0;

  constructor(public columns: number) {
    super();
  }

  write(text: string): boolean {
    this.writes.push(text);
    // eslint-disable-next-line no-control-regex -- it is what a terminal reads
    for (const [, up, code, rest] of text.matchAll(/\x1b\[(\d+)A|\x1b\[([?\d;]*[A-Za-z])|([^\x1b]+)/g)) {
      if (up !== undefined) this.row = Math.max(0, this.row - Number(up));
      if (code === 'K' || code === 'J') this.lines[this.row] = this.lines[this.row]!.slice(0, this.column);
      if (code === 'J') this.lines.length = this.row + 1;
      if (rest !== undefined) for (const character of rest) this.put(character);
    }
    return true;
  }

  private column = 0;

  private put(character: string): void {
    if (character === '\n') {
      this.row += 1;
      this.column = 0;
      this.lines[this.row] ??= '';
    } else if (character === '\r') this.column = 0;
    else {
      const line = this.lines[this.row]!;
      this.lines[this.row] = line.slice(0, this.column) + character + line.slice(this.column + 1);
      this.column += 1;
    }
  }
}

describe('drawing in place', () => {
  test('leaves one picture on the screen, drawn in one write each time, and the cursor visible', () => {
    const screen = new Screen(80);
    screen.write('$ cvm-image watch\n');
    const live = new LiveView(screen as never);
    live.show(viewWith({ inspectSource: ran(0, 1), createImage: ran(2) }, { notes: ['no worker'] }));
    const before = screen.writes.length;
    live.show(viewWith({ inspectSource: ran(0, 1), createImage: ran(2, 9), pollImage: ran(9) }));
    assert.equal(screen.writes.length, before + 1);
    live.end();
    assert.equal(screen.lines[0], '$ cvm-image watch');
    assert.match(screen.lines[1]!, /^Image web-2026 of ins-web00001/);
    assert.equal(screen.lines.filter((text) => text.includes('createImage')).length, 1);
    assert.match(screen.lines[7]!, /✓ createImage +7 s$/);
    assert.ok(!screen.lines.some((text) => text.includes('no worker')));
    assert.equal(screen.lines.length, 13);
    assert.equal(screen.writes.at(-1), '\x1b[?25h');
  });

  test('finds its beginning again when the terminal was made narrower', () => {
    const screen = new Screen(80);
    const live = new LiveView(screen as never);
    live.show(viewWith({}));
    screen.columns = 40;
    screen.emit('resize');
    live.end();
    // Eleven lines, of which the two of the header, 46 and more columns wide, take two rows each now.
    // eslint-disable-next-line no-control-regex -- cursor up
    assert.deepEqual(/\x1b\[(\d+)A/.exec(screen.writes.at(-2)!)?.[1], '13');
  });
});
