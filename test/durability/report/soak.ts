import { heartbeat } from '../harness/timing';
import type { SoakReport } from '../soak/run';

/** What `npm run test:soak -- --out` writes. */
export interface SoakRun {
  /** When it began; ISO 8601, UTC. */
  at: string;
  builds: number;
  minutes: number;
  seed: number;
  workers: number;
  /** What was played. */
  commit: string;
  /** Processors that the machine had. */
  cores: number;
  report: SoakReport;
}

/** The figures of a soak, as a list. */
export function soakFigures({ at, builds, minutes, seed, workers, commit, cores, report }: SoakRun): string {
  const { kills, recoveries, ends, faults } = report;
  const listed = (all: Record<string, number>) =>
    Object.entries(all)
      .map(([name, count]) => `${name} ${count}`)
      .join(', ');
  const none = (list: unknown[]) => (list.length === 0 ? 'none' : String(list.length));
  return [
    `\`npm run test:soak -- --builds ${builds} --minutes ${minutes} --seed ${seed}\` on ${at.slice(0, 10)}, with ${workers} workers on ${cores} cores (commit ${commit}):`,
    '',
    `- builds: ${report.builds} (${listed(ends)})`,
    `- faults that fired: ${Object.values(faults).reduce((sum, one) => sum + one, 0)} (${listed(faults)})`,
    `- people: ${listed(report.people)}`,
    `- killed: ${kills.workers} workers, the Temporal server ${kills.servers} times; frozen until others had taken over, and woken: ${report.frozen} workers`,
    `- ${recoveries.interrupted} activities were interrupted by the death of their worker; ${recoveries.recovered} were tried again, after ` +
      `${recoveries.median.toFixed(1)} s (median) and ${recoveries.worst.toFixed(1)} s (worst), with a heartbeat timeout of ${heartbeat} s; the rest was over or given up`,
    `- API calls: ${report.calls.toLocaleString('en')}; refused as too many: ${(report.throttled * 100).toFixed(2)} %`,
    `- builds that are not over: ${none(report.hanging)}`,
    `- failures without a reason or advice: ${none(report.unexplained)}`,
    `- leftovers: ${none(report.leftovers)}`,
    `- duplicates: ${none(report.duplicates)}`,
    `- sources not restored: ${none(report.unrestored)}`,
  ].join('\n');
}
