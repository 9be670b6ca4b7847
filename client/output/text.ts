import pc from 'picocolors';

/**
 * Colours for a stream; those of `plain` change nothing. Yellow and cyan are not among them: on a light background they are
 * hard to see. Whatever has a colour says the same in its words or by its mark.
 */
export type Colors = Pick<ReturnType<typeof pc.createColors>, 'bold' | 'dim' | 'green' | 'red' | 'magenta'>;
export type Color = keyof Colors;

export const plain: Colors = pc.createColors(false);

/** Colours on a terminal that has them; NO_COLOR turns them off, FORCE_COLOR on. */
export function colorsFor(stream: { isTTY?: boolean }, env: NodeJS.ProcessEnv = process.env): Colors {
  const set = (value: string | undefined) => value !== undefined && value !== '';
  const wanted = stream.isTTY === true && env.TERM !== 'dumb';
  return pc.createColors(!set(env.NO_COLOR) && (wanted || set(env.FORCE_COLOR)));
}

/** A piece of a line, with the colour that it is shown in. */
export type Segment = string | [text: string, color: Color];

/** One line out of segments, cut to a number of columns; without `columns`, all of it. */
export function line(segments: Segment[], colors: Colors, columns = Infinity): string {
  const texts = segments.map((segment) => clean(typeof segment === 'string' ? segment : segment[0]));
  const tooLong = texts.reduce((sum, text) => sum + displayWidth(text), 0) > columns;
  let room = tooLong ? columns - 1 : columns;
  let out = '';
  segments.forEach((segment, index) => {
    const text = take(texts[index]!, room);
    room -= displayWidth(text);
    // Once something is cut, nothing that comes later may slip into the room that a wide character left.
    if (text.length < texts[index]!.length) room = 0;
    if (text !== '') out += typeof segment === 'string' ? text : colors[segment[1]](text);
  });
  return tooLong && columns > 0 ? `${out}…` : out;
}

/** Text of others on our terminal: no control characters, no line breaks. */
export const clean = (text: string) => text.replace(/[\p{Cc}\u2028\u2029]+/gu, ' ');

/** Columns that a text takes; East Asian characters and emoji take two. */
export function displayWidth(text: string): number {
  let width = 0;
  for (const character of text) width += widthOf(character);
  return width;
}

const wide: [number, number][] = [
  [0x1100, 0x115f],
  [0x2e80, 0xa4cf],
  [0xac00, 0xd7a3],
  [0xf900, 0xfaff],
  [0xfe30, 0xfe6f],
  [0xff00, 0xff60],
  [0xffe0, 0xffe6],
  [0x1f300, 0x1faff],
  [0x20000, 0x3fffd],
];
/** Accents that stand over the character before them, joiners, and variation selectors take no column of their own. */
const joined = /[\p{Mn}\p{Me}\p{Cf}]/u;

function widthOf(character: string): number {
  const point = character.codePointAt(0)!;
  if (point < 0x300) return 1;
  if (joined.test(character)) return 0;
  return wide.some(([from, to]) => point >= from && point <= to) ? 2 : 1;
}

function take(text: string, columns: number): string {
  let width = 0;
  let out = '';
  for (const character of text) {
    width += widthOf(character);
    if (width > columns) break;
    out += character;
  }
  return out;
}

/** A message in lines of at most so many columns, broken between words or where it must; the last of `most` lines has all the rest. */
export function fold(text: string, columns: number, most: number): string[] {
  const lines: string[] = [];
  let rest = clean(text).trim();
  while (rest !== '' && lines.length < most - 1 && displayWidth(rest) > columns) {
    const fits = take(rest, Math.max(2, columns));
    const blank = rest.charAt(fits.length) === ' ' ? fits.length : fits.lastIndexOf(' ');
    // A word that is wider than the line is broken where the line ends.
    const end = blank > 0 ? blank : fits.length;
    lines.push(rest.slice(0, end).trimEnd());
    rest = rest.slice(end).trimStart();
  }
  if (rest !== '') lines.push(rest);
  return lines;
}

/** Text in lines of at most so many columns, broken between words; a word that is longer stands by itself. */
export function wrap(text: string, columns: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const last = lines.at(-1);
    if (last !== undefined && displayWidth(`${last} ${word}`) <= columns) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}

/** Columns of a terminal; without end where nothing is cut, such as a file. */
export const columnsFor = ({ isTTY, columns }: { isTTY?: boolean; columns?: number }): number =>
  isTTY === true && columns !== undefined && columns > 0 ? columns : Infinity;

/** Pads to a number of columns. */
export const pad = (text: string, columns: number) => text + ' '.repeat(Math.max(0, columns - displayWidth(text)));

/** Rows as a table without lines, its columns as wide as their widest cell. */
export function columnsOf(rows: string[][]): string[] {
  const cleaned = rows.map((row) => row.map(clean));
  const widths = (cleaned[0] ?? []).map((_, column) =>
    Math.max(...cleaned.map((row) => displayWidth(row[column] ?? ''))),
  );
  return cleaned.map((row) =>
    row
      .map((cell, column) => pad(cell, widths[column]!))
      .join('  ')
      .trimEnd(),
  );
}

/** Labels with what belongs to them, the values under one another; a value may have several lines. */
export function labelled(rows: [label: string, value: string][], colors: Colors): string[] {
  const width = Math.max(...rows.map(([label]) => displayWidth(label)));
  return rows.flatMap(([label, value]) =>
    value
      .split('\n')
      .map((text, index) => `  ${colors.dim(pad(index === 0 ? label : '', width))}  ${clean(text)}`.trimEnd()),
  );
}
