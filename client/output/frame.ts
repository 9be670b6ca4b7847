import { formatSeconds, type StepState } from '../../contract';
import { type BuildView, secondsOf, type StepView, type UndoView } from '../view';
import { doing, trouble } from './activity';
import { downFor, standing } from './standing';
import { type Color, type Colors, fold, line, pad, type Segment } from './text';

export interface FrameOptions {
  colors: Colors;
  columns: number;
  /** Lines that there is room for; what is less needed goes first. */
  rows: number;
  /** Milliseconds since 1970. */
  now: number;
}

/** A line before it is cut and coloured. What has the highest rank gives way first when there is not enough room. */
interface Entry {
  segments: Segment[];
  rank: number;
}

/** Each state has a mark of its own, so that nothing depends on colours. */
const marks: Record<StepState, [mark: string, color: Color]> = {
  pending: ['·', 'dim'],
  running: ['▶', 'magenta'],
  done: ['✓', 'green'],
  failed: ['✗', 'red'],
  cancelled: ['■', 'red'],
  skipped: ['–', 'dim'],
};

/** Below so many columns, what a step does is on a line of its own. */
const narrow = 60;
/** Messages of the cloud are long; these many lines of one are shown. */
const messageLines = 3;

/** A build as lines of a terminal: a header, a line a step and an undo, notes. */
export function frame(view: BuildView, { colors, columns, rows, now }: FrameOptions): string[] {
  const message = (mark: string, text: string, rank: number, color?: Color) =>
    messageEntries(mark, text, columns, rank, color);
  const entries = [
    ...header(view, now),
    ...(view.failure !== undefined && view.status === 'running' ? message('✗', view.failure, 0, 'red') : []),
    ...view.steps.flatMap((step) => stepEntries(step.step, step, columns, now)),
    ...(view.undo.length > 0 ? [{ segments: [['undo', 'bold']] as Segment[], rank: 1 }] : []),
    ...view.undo.flatMap((undo) => stepEntries(undo.name, undo, columns, now)),
    ...[...standing(view), ...view.notes].flatMap((note) => message('!', note, 0)),
  ];
  // A frame that is higher than the terminal could not be drawn over: what is over or still to come gives way.
  const kept = [...entries];
  while (kept.length > Math.max(1, rows)) {
    const least = kept.reduce((worst, one) => (one.rank >= worst.rank && one.rank > 0 ? one : worst));
    kept.splice(least.rank > 0 ? kept.indexOf(least) : kept.length - 1, 1);
  }
  return kept.map(({ segments }) => line(segments, colors, columns));
}

function header(view: BuildView, now: number): Entry[] {
  const took = formatSeconds(secondsOf(view, now) ?? 0);
  const downTime = downFor(view, now);
  const down = downTime === undefined ? '' : ` · source down ${downTime}`;
  const id = `${view.kind === undefined ? 'build ' : ''}${view.buildId}`;
  return [
    { segments: [[`${titleOf(view)} in ${view.region}`, 'bold']], rank: 1 },
    { segments: [`${view.phase} · ${took}${down}`, [` · ${id}`, 'dim']], rank: 0 },
  ];
}

/** What it is about. */
function titleOf({ kind, imageName, instanceId, workflowId }: BuildView): string {
  const name = imageName === undefined || imageName === '' ? '' : ` ${imageName}`;
  if (kind === 'launch') return `Launch of image${name}`;
  if (kind === 'release') return `Release${name} of pipeline ${pipelineOf(workflowId)}`;
  return kind === 'delete' ? `Deletion of image${name}` : `Image${name} of ${instanceId}`;
}

/** The last part of the workflow ID. */
const pipelineOf = (workflowId: string) => workflowId.slice(workflowId.lastIndexOf('/') + 1);

/** A message with its mark, the lines after the first one indented; only the mark is coloured. */
function messageEntries(mark: string, text: string, columns: number, rank: number, color: Color = 'bold'): Entry[] {
  const indent = ' '.repeat(mark.length + 1);
  return fold(text, columns - indent.length, messageLines).map((part, index) => ({
    segments: index === 0 ? [[mark, color], ` ${part}`] : [`${indent}${part}`],
    rank,
  }));
}

function stepEntries(name: string, step: StepView | UndoView, columns: number, now: number): Entry[] {
  const { state, note, activity } = step;
  const [mark, color] = marks[state];
  const running = state === 'running';
  const seconds = secondsOf(step, now, running);
  const took = seconds === undefined ? '' : formatSeconds(seconds);
  const resources = 'resources' in step ? step.resources.join(', ') : '';
  const about = running && activity ? doing(activity) : '';
  const info = [about || resources, note].filter(Boolean).join(' · ');
  const below = columns < narrow && info !== '' && (running || state === 'failed');
  const rest = ` ${pad(name, 19)}${took.padStart(12)}${below ? '' : `  ${info}`}`.trimEnd();
  const quiet = state === 'pending' || state === 'skipped';
  const wrong = running && activity ? trouble(activity, now) : undefined;
  const rank = running || state === 'failed' ? 0 : quiet ? 3 : 2;
  return [
    { segments: [[mark, color], quiet ? [rest, 'dim'] : rest], rank },
    ...(below ? messageEntries('   ', info, columns, 1) : []),
    ...(wrong === undefined ? [] : messageEntries('    ↳', wrong, columns, 1)),
  ];
}
