import type { Leftover, SweepReport } from '../contract';
import { formatSeconds } from '../contract';
import { cell } from './details';

/** Temporal takes 20 KB of details. */
const most = 60;

/** A sweep as Markdown, for the current details in the Web UI. */
export function sweepDetails({ region, installation, applied, grace, openBuilds, leftovers }: SweepReport): string {
  const about = `of installation \`${installation}\` in ${region}, grace period ${formatSeconds(grace)}`;
  const head = [`**${applied ? 'Sweep' : 'Look at what a sweep would do'}** ${about}`, ''];
  const open = openBuilds.length === 0 ? [] : ['', `At work, and left alone: ${openBuilds.join(', ')}`];
  if (leftovers.length === 0) return [...head, 'Nothing is left over.', ...open].join('\n');
  const rows = leftovers.slice(0, most).map((one) => {
    const { type, id, buildId, note = '', reason, problem } = one;
    const cells = [`${type} \`${id}\``, cell(note), `\`${cell(buildId)}\``, cell(problem ?? reason), stateOf(one)];
    return `| ${cells.join(' | ')} |`;
  });
  const rest = leftovers.length - rows.length;
  const more = rest > 0 ? ['', `and ${rest} more, in its result`] : [];
  return [...head, '| what | | build | why | |', '|---|---|---|---|---|', ...rows, ...more, ...open].join('\n');
}

const plans: Record<Leftover['plan'], string> = { delete: '· to delete', start: '· to start', report: '– not touched' };

const stateOf = ({ plan, outcome }: Leftover) =>
  outcome === undefined ? plans[plan] : outcome === 'left' ? '✗ left' : `✓ ${outcome}`;
