import { formatSeconds, type StepState } from '../../contract';
import type { ActivityView } from '../pending-activity';
import { type BuildView, secondsOf, type StepView, type UndoView } from '../view';
import { doing, trouble } from './activity';
import { standing } from './standing';
import { clean } from './text';

/** Percentages in steps this wide: a log is not to grow with every look. */
const percentStep = 25;

/** Turns the states of a build into lines of a log: one for each change, none for what stays as it is. */
export class ChangeLog {
  private readonly said = new Map<string, string>();

  /** Lines for what has changed since the state before; `now` in milliseconds since 1970. */
  next(view: BuildView, now: number): string[] {
    const lines: string[] = [];
    const say = (what: string, text: string) =>
      lines.push(`${stamp(now)}  ${what.padEnd(19)} ${clean(text)}`.trimEnd());
    const tell = (key: string, text: string | undefined, what: string) => {
      if (text === undefined || text === '' || this.said.get(key) === text) return;
      this.said.set(key, text);
      say(what, text);
    };
    tell(
      'image',
      view.imageName && `${view.imageName}, ${view.kind === undefined ? 'build ' : ''}${view.buildId}`,
      'image',
    );
    for (const step of view.steps) this.lineChanges(step.step, step.step, step, now, tell);
    if (view.status === 'running') tell('failure', view.failure, view.held ? 'held' : 'undoing');
    tell('standing', standing(view).join('; '), 'note');
    view.undo.forEach((undo, index) => this.lineChanges(`undo ${index}`, undo.name, undo, now, tell));
    const notes = view.notes.join('; ');
    if (notes === '' && this.said.has('notes') && view.failure === undefined) say('note', 'all is well again');
    if (notes === '') this.said.delete('notes');
    else tell('notes', notes, 'note');
    return lines;
  }

  private lineChanges(
    key: string,
    name: string,
    line: StepView | UndoView,
    now: number,
    tell: (key: string, text: string | undefined, what: string) => void,
  ): void {
    if (line.state === 'pending') return;
    tell(`${key} state`, stateText(line, now), name);
    if (line.state !== 'running' || !line.activity) return;
    const { activity } = line;
    // A percentage is said when another quarter is done, with the figure as it is then.
    const quarter = doing(inQuarters(activity));
    if (this.said.get(`${key} quarter`) !== quarter) tell(`${key} doing`, doing(activity), name);
    this.said.set(`${key} quarter`, quarter);
    tell(`${key} trouble`, trouble(activity), name);
  }
}

function inQuarters(activity: ActivityView): ActivityView {
  const { wait } = activity;
  if (wait?.percent === undefined) return activity;
  return { ...activity, wait: { ...wait, percent: Math.floor(wait.percent / percentStep) * percentStep } };
}

const words: Record<StepState, string> = {
  pending: 'to come',
  running: 'begins',
  done: 'done',
  failed: 'failed',
  cancelled: 'cancelled',
  skipped: 'not needed',
};

function stateText(line: StepView | UndoView, now: number): string {
  const seconds = line.state === 'running' ? undefined : secondsOf(line, now, false);
  const took = seconds === undefined ? '' : ` in ${formatSeconds(seconds)}`;
  const resources = 'resources' in line && line.state === 'done' ? line.resources.join(', ') : '';
  const about = [resources, line.note].filter(Boolean).join(' · ');
  return `${words[line.state]}${took}${about ? `: ${about}` : ''}`;
}

const stamp = (now: number) => new Date(now).toISOString().replace(/\.\d+Z$/, 'Z');
