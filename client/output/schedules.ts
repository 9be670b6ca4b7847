import { formatSeconds, type ReleaseSchedule } from '../../contract';
import type { Blocking, LastRun, ScheduleState } from '../list-schedules';
import type { Change } from '../schedule-changes';
import { type Colors, columnsOf, labelled, line, type Segment } from './text';

/** Schedules as a table with a heading; cut to `columns` on a terminal, whole in a file. */
export function schedulesTable(schedules: ScheduleState[], colors: Colors, columns?: number): string[] {
  const heading = ['SCHEDULE', 'NEXT', 'LAST', 'BLOCKED BY'];
  const rows = schedules.map((one) => [one.scheduleId, nextOf(one), lastOf(one.last), blockedOf(one)]);
  return columnsOf([heading, ...rows]).map((text, index) => {
    const one = schedules[index - 1];
    const needs = one !== undefined && (one.paused || isStuck(one.blockedBy));
    const segment: Segment = index === 0 ? [text, 'dim'] : needs ? [text, 'magenta'] : text;
    return line([segment], colors, columns);
  });
}

const nextOf = ({ paused, note, nextAt }: ScheduleState) =>
  paused ? `paused${note === undefined ? '' : `: ${note}`}` : (nextAt ?? 'never');

const lastOf = (last: LastRun | undefined) =>
  last === undefined
    ? 'none yet'
    : `${last.outcome} in ${formatSeconds(last.seconds)}, due ${last.nominalAt ?? last.endedAt}`;

/** Nothing goes on there by itself. */
const isStuck = (run: Blocking | undefined) => run !== undefined && ['held', 'waiting', 'unheard'].includes(run.phase);

function blockedOf({ blockedBy: run, wanted }: Pick<ScheduleState, 'blockedBy' | 'wanted'>): string {
  if (!run) return '';
  const { phase, startedAt } = run;
  if (phase === 'unheard')
    return `a time that was taken at ${startedAt}, of which no worker has heard: does one poll ${wanted.taskQueue}?`;
  if (phase === 'unstarted') return `a time that was taken at ${startedAt}: see cvm-image open ${run.workflowId}`;
  if (phase === 'held') return `a run since ${startedAt} that is held: cvm-image show ${run.workflowId}`;
  if (phase === 'waiting')
    return `a run since ${startedAt} that waits for approval: cvm-image approve ${run.workflowId}`;
  return `a run since ${startedAt} that is at work (${phase})`;
}

/** All of one schedule. */
export function renderSchedule(one: ScheduleState, colors: Colors): string[] {
  const { scheduleId, last, skipped, missed, wanted, note } = one;
  return labelled(
    [
      ['schedule', scheduleId],
      ['times', timesOf(wanted.schedule)],
      ['next', nextOf(one)],
      ...(note !== undefined && !one.paused ? [['note', note] as [string, string]] : []),
      ['last', [lastOf(last), last?.reason].filter(Boolean).join('\n')],
      ['blocked by', blockedOf(one) || 'nothing'],
      ['not taken', `${skipped} because another run was at work, ${missed} while Temporal was away`],
      ['family', wanted.pipeline.family],
      ['task queue', wanted.taskQueue],
    ],
    colors,
  );
}

function timesOf({ cron, every, timeZone, jitter, overlap, catchUp, pauseAfter }: ReleaseSchedule): string {
  const times = cron ? `${cron.join(', ')} (${timeZone})` : `every ${formatSeconds(every ?? 0)}`;
  return [
    `${times}${jitter === 0 ? '' : `, up to ${formatSeconds(jitter)} later`}`,
    `while a run is at work: ${overlap}; made good within ${formatSeconds(catchUp)}; paused after ${pauseAfter} failures in a row`,
  ].join('\n');
}

/** What is other than it was, a field a line. */
export const renderChanges = (changes: Change[], colors: Colors): string[] =>
  changes.map(({ path, before, after }) => {
    if (before === undefined) return colors.green(`+ ${path}: ${String(after)}`);
    if (after === undefined) return colors.red(`- ${path}: ${String(before)}`);
    return `~ ${path}: ${String(before)} -> ${String(after)}`;
  });
