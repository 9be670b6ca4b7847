import { formatSeconds, type Leftover, type SweepReport } from '../../contract';
import { type Colors, columnsOf, line, type Segment } from './text';

const plans: Record<Leftover['plan'], string> = { delete: 'delete', start: 'start', report: 'nothing' };

/** What a sweep found, as a table with a heading; cut to `columns` on a terminal, whole in a file. */
export function sweepTable(
  { leftovers, applied }: SweepReport,
  colors: Colors,
  now: number,
  columns?: number,
): string[] {
  const heading = ['WHAT', 'ID', 'BUILD', 'AGE', 'SIZE', applied ? 'DONE' : 'TO DO', 'WHY'];
  const rows = leftovers.map((one) => [
    one.type,
    one.id,
    one.buildId,
    one.createdAt === undefined ? '' : ageOf(one.createdAt, now),
    one.size === undefined ? '' : `${one.size} GiB`,
    one.outcome ?? plans[one.plan],
    one.problem ?? one.reason,
  ]);
  return columnsOf([heading, ...rows]).map((text, index) => {
    const segment: Segment =
      index === 0 ? [text, 'dim'] : leftovers[index - 1]!.outcome === 'left' ? [text, 'red'] : text;
    return line([segment], colors, columns);
  });
}

/** Age of a resource: days where there are days. */
function ageOf(createdAt: string, now: number): string {
  const seconds = Math.max(0, (now - new Date(createdAt).getTime()) / 1000);
  return seconds >= 172_800 ? `${Math.floor(seconds / 86_400)} d` : formatSeconds(seconds);
}

/** What the table comes to, and what there is to do. */
export function sweepVerdict({ region, leftovers, applied, openBuilds }: SweepReport): string[] {
  const count = (holds: (one: Leftover) => boolean) => leftovers.filter(holds).length;
  const open = openBuilds.length === 0 ? [] : [`At work, and left alone: ${openBuilds.join(', ')}.`];
  if (leftovers.length === 0) return [`Nothing is left over in ${region}.`, ...open];
  const reported = count(({ plan }) => plan === 'report');
  const rest = reported === 0 ? [] : [`${reported} not touched, for the reason given.`];
  if (!applied) {
    const due = leftovers.length - reported;
    const todo = due === 0 ? 'Nothing is to be done.' : `${due} to be put right: repeat it with --apply.`;
    return [`Nothing was changed. ${todo}`, ...rest, ...open];
  }
  const left = count(({ outcome }) => outcome === 'left');
  const done = count(({ outcome }) => outcome !== undefined && outcome !== 'left');
  return [`${done} put right${left === 0 ? '' : `, ${left} left: the next sweep tries again`}.`, ...rest, ...open];
}

/** One leftover that a running sweep is through with, for a log. */
export const sweepLine = ({ type, id, outcome, problem, buildId }: Leftover): string =>
  `${outcome ?? ''} ${type} ${id} of ${buildId}${problem === undefined ? '' : `: ${problem}`}`;
