import { proxyActivities, setCurrentDetails } from '@temporalio/workflow';
import type { CheckUpActivities, CheckUpInput, CheckUpReport } from '../contract';

const { examineWorker } = proxyActivities<CheckUpActivities>({
  summary: 'credentials, region, quota, permissions',
  startToCloseTimeout: '2 minutes',
  heartbeatTimeout: '20 seconds',
  retry: { maximumAttempts: 2 },
});

/** Lets the worker that takes it up say what it is and how far its credentials reach. Changes nothing. */
export async function checkUp(input: CheckUpInput = {}): Promise<CheckUpReport> {
  const report = await examineWorker(input);
  setCurrentDetails(details(report));
  return report;
}

const marks = { ok: '✓', wrong: '✗', unknown: '?' } as const;

function details({ worker, region, findings }: CheckUpReport): string {
  const rows = findings.map(({ name, health, found, advice }) => {
    const cells = [marks[health], name, found, health === 'ok' ? '' : (advice ?? '')];
    return `| ${cells.map((cell) => cell.replaceAll('|', '\\|').replaceAll('\n', ' ')).join(' | ')} |`;
  });
  return [
    `Worker ${worker.identity}, version ${worker.version}, installation ${worker.installation}, looked at ${region}.`,
    '',
    '| | what | found | what to do |',
    '|---|---|---|---|',
    ...rows,
  ].join('\n');
}
