import { formatSeconds, type StepState } from '../../contract';
import { type BuildView, secondsOf, type StepView, type UndoView } from '../view';
import { doing, trouble } from './activity';
import { downFor, standing } from './standing';
import { type Color, type Colors, line, pad, type Segment } from './text';

export interface FrameOptions {
  colors: Colors;
  columns: number;
  /** Lines that there is room for; what is less needed goes first. */
  rows: number;
  /** Milliseconds since 1970. */
  now: number;
}

const marks: Record<StepState, [mark: string, color: Color]> = {
  pending: ['·', 'dim'],
  running: ['▶', 'cyan'],
  done: ['✓', 'green'],
  failed: ['✗', 'red'],
  cancelled: ['✗', 'yellow'],
  skipped: ['–', 'dim'],
};

/** A build as lines of a terminal: a header, a line a step and an undo, notes. */
export function frame(view: BuildView, { colors, columns, rows, now }: FrameOptions): string[] {
  const entries: { segments: Segment[]; rank: number }[] = [
    { segments: header(view, now), rank: 0 },
    ...view.steps.flatMap((step) => stepLines(step.step, step, now)),
    ...(view.undo.length > 0 ? [{ segments: [['undo', 'bold']] as Segment[], rank: 1 }] : []),
    ...view.undo.flatMap((undo) => stepLines(undo.name, undo, now)),
    ...[...standing(view), ...view.notes].map((note) => ({
      segments: [[`! ${note}`, 'yellow']] as Segment[],
      rank: 0,
    })),
  ];
  if (view.failure !== undefined && view.status === 'running') {
    entries.splice(1, 0, { segments: [[`✗ ${view.failure}`, 'red']], rank: 0 });
  }
  // A frame that is higher than the terminal could not be drawn over: what is over or still to come gives way.
  const kept = entries.map((entry, index) => ({ ...entry, index }));
  while (kept.length > Math.max(1, rows)) {
    const least = kept.reduce((worst, one) => (one.rank > worst.rank ? one : worst));
    kept.splice(kept.indexOf(least), 1);
  }
  return kept.map(({ segments }) => line(segments, colors, columns));
}

function header(view: BuildView, now: number): Segment[] {
  const took = secondsOf(view, now) ?? 0;
  const down = downFor(view, now);
  return [
    [titleOf(view), 'bold'],
    ` · ${view.region} · ${view.phase} · ${formatSeconds(took)}`,
    ...(down === undefined ? [] : [[` · source down ${down}`, 'yellow'] as Segment]),
    [` · ${view.kind === undefined ? 'build ' : ''}${view.buildId}`, 'dim'],
  ];
}

/** What it is about. */
function titleOf({ kind, imageName, instanceId }: BuildView): string {
  const name = imageName === undefined ? '' : ` ${imageName}`;
  if (kind === 'launch') return `Launch of image${name}`;
  return kind === 'delete' ? `Deletion of image${name}` : `Image${name} of ${instanceId}`;
}

function stepLines(name: string, step: StepView | UndoView, now: number): { segments: Segment[]; rank: number }[] {
  const { state, note, activity } = step;
  const [mark, color] = marks[state];
  const seconds = secondsOf(step, now, state === 'running');
  const took = seconds === undefined ? '' : formatSeconds(seconds);
  const resources = 'resources' in step ? step.resources.join(', ') : '';
  const about = state === 'running' && activity ? doing(activity) : '';
  const info = [about || resources, note].filter(Boolean).join(' · ');
  const rest = ` ${pad(name, 19)}${took.padStart(12)}  ${info}`.trimEnd();
  const quiet = state === 'pending' || state === 'skipped';
  const wrong = state === 'running' && activity ? trouble(activity, now) : undefined;
  const rank = state === 'running' || state === 'failed' ? 0 : quiet ? 3 : 2;
  return [
    { segments: [[mark, color], quiet ? [rest, 'dim'] : rest], rank },
    ...(wrong === undefined ? [] : [{ segments: [[`    ↳ ${wrong}`, 'yellow']] as Segment[], rank: 1 }]),
  ];
}
