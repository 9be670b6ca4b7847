import Table from 'cli-table3';
import { throttledShare } from '../harness/judge';
import type { SoakReport } from './run';

/** What must not be. */
const wrongs = ['hanging', 'unexplained', 'leftovers', 'duplicates', 'unrestored'] as const;

/** Share of the builds that must be completed at least: faults and people end far fewer. A soak in which nothing goes well shows little. */
const completedShare = 0.5;

/** Whether enough has happened for it to show anything: of each kind something, and activities that were interrupted went on. */
const hasDisturbed = ({ kills, faults, recoveries }: SoakReport) =>
  kills.workers > 0 && kills.servers > 0 && Object.keys(faults).length > 0 && recoveries.recovered > 0;

/**
 * Nothing is left, made twice, not restored, not explained, or not over; most builds are completed, few answers are refused as too many,
 * and all of that under kills and faults.
 */
export const isGood = (report: SoakReport) =>
  hasDisturbed(report) &&
  wrongs.every((kind) => report[kind].length === 0) &&
  (report.ends.completed ?? 0) >= report.builds * completedShare &&
  report.throttled <= throttledShare;

/** The end of a soak, for people. What is wrong is told below the table. */
export function soakTable(report: SoakReport): string {
  const { recoveries, kills } = report;
  const table = new Table({ wordWrap: true, colWidths: [22, 90], style: { border: [] } });
  const share = `${(report.throttled * 100).toFixed(2)} %`;
  const failed = Object.entries(report.ends).filter(([end]) => end.startsWith('failed'));
  table.push(
    ['builds', report.builds],
    ['completed', report.ends.completed ?? 0],
    ['failed clean', `${sum(failed.map(([, count]) => count))} (${listed(failed)})`],
    ['cancelled', report.ends.cancelled ?? 0],
    ['terminated', report.ends.terminated ?? 0],
    ['faults', `${sum(Object.values(report.faults))} (${listed(Object.entries(report.faults))})`],
    ['people', listed(Object.entries(report.people))],
    ['kills', `${kills.workers} of workers, ${kills.servers} of the Temporal server`],
    ['frozen workers', report.frozen],
    [
      'recoveries',
      `${recoveries.recovered} of ${recoveries.interrupted} interrupted activities were tried again, ` +
        `after ${recoveries.median.toFixed(1)} s (median), ${recoveries.worst.toFixed(1)} s (worst)`,
    ],
    [
      'API calls',
      `${report.calls}, ${(report.calls / report.builds).toFixed(1)} a build; refused as too many: ${share}`,
    ],
    ['time', `${Math.round(report.seconds)} s`],
    ['not over', report.hanging.length],
    ['failures unexplained', report.unexplained.length],
    ['leftovers', report.leftovers.length],
    ['duplicates', report.duplicates.length],
    ['sources not restored', report.unrestored.length],
  );
  const wrong = wrongs.flatMap((kind) => report[kind].map((problem) => `${kind}: ${problem}`));
  const still = hasDisturbed(report)
    ? []
    : ['Too short: nothing was killed, went wrong, or was interrupted and went on.'];
  return [table.toString(), ...wrong, ...still].join('\n');
}

const sum = (numbers: number[]) => numbers.reduce((total, one) => total + one, 0);
const listed = (entries: [string, number][]) => entries.map(([name, count]) => `${name} ${count}`).join(', ');
