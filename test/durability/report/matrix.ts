import { checks, type Verdict } from '../harness/judge';
import { type Group, groups } from '../harness/scenario';

/** What `npm run test:durability -- --out` writes. */
export interface MatrixRun {
  /** When it began; ISO 8601, UTC. */
  at: string;
  seconds: number;
  /** How many scenarios the matrix has. */
  of: number;
  /** What was played. */
  commit: string;
  /** Processors that the machine had. */
  cores: number;
  /** Scenarios at a time. */
  jobs: number;
  played: {
    group: Group;
    name: string;
    verdict: Verdict;
    problems: string[];
    seconds: number;
    ended: string[];
    calls: number;
    missed?: string[];
  }[];
}

type Row = MatrixRun['played'][number];

/** What came of each run, and of the last one a table for each group: where one thing was done in many places, the places are the rows and what was done the columns. */
export function matrixTables(runs: MatrixRun[]): string {
  const { played } = runs.at(-1)!;
  const intro =
    'A tick: all checks that apply are fulfilled; with it, how the build ended where it was not completed, and the seconds that it took, ' +
    `sweep included.${runs.length === 1 ? '' : ' The tables are of the last run.'}`;
  return [runs.map(summaryOf).join('\n'), intro, ...groups.flatMap((group) => tablesOf(group, played))].join('\n\n');
}

/** One run as an item of a list, with what was not as it must be. */
function summaryOf({ at, seconds, commit, cores, jobs, played }: MatrixRun): string {
  const wrong = played.filter((row) => !isGood(row)).map(({ group, name }) => `${group} · ${name}`);
  const again = played.filter(({ missed }) => missed !== undefined).map(({ group, name }) => `${group} · ${name}`);
  const calls = played.reduce((sum, row) => sum + row.calls, 0);
  return (
    `- ${at.slice(0, 16).replace('T', ' ')} UTC: ${played.length - wrong.length} of ${played.length} scenarios as they must be, in ` +
    `${Math.round(seconds / 60)} minutes with ${jobs} at a time on ${cores} cores (commit ${commit}), ${calls.toLocaleString('en')} API calls` +
    (wrong.length === 0 ? '' : `; not: ${wrong.join('; ')}`) +
    (again.length === 0 ? '' : `; played once more, since their moment had been missed: ${again.join('; ')}`)
  );
}

function tablesOf(group: Group, played: Row[]): string[] {
  const own = played.filter((one) => one.group === group);
  if (own.length === 0) return [];
  const uses = new Map<string, number>();
  for (const { name } of own) uses.set(lastOf(name), (uses.get(lastOf(name)) ?? 0) + 1);
  const crossed = own.filter(({ name }) => name.includes(' · ') && uses.get(lastOf(name))! >= 3);
  const others = own.filter((one) => !crossed.includes(one));
  return [
    `### ${group.charAt(0).toUpperCase()}${group.slice(1)}: ${own.filter(isGood).length} of ${own.length}`,
    ...(crossed.length > 0 ? [crossTable(crossed)] : []),
    ...(others.length > 0 ? [listTable(others)] : []),
  ];
}

function crossTable(rows: Row[]): string {
  const columns = [...new Set(rows.map(({ name }) => lastOf(name)))];
  const places = [...new Set(rows.map(({ name }) => placeOf(name)))];
  const cell = (place: string, column: string) => {
    const row = rows.find(({ name }) => placeOf(name) === place && lastOf(name) === column);
    return row ? outcome(row) : '';
  };
  return markdown(
    ['', ...columns],
    places.map((place) => [place, ...columns.map((column) => cell(place, column))]),
  );
}

const listTable = (rows: Row[]) =>
  markdown(
    ['scenario', 'outcome'],
    rows.map((row) => [row.name, outcome(row)]),
  );

function outcome(row: Row): string {
  const seconds = `${Math.round(row.seconds)} s`;
  const wrong = checks.filter((check) => row.verdict[check] === 'wrong');
  if (!isGood(row)) return `✗ not ${wrong.join(', ') || 'as it must be'}, ${seconds}`;
  const ends = [...new Set(row.ended)].filter((end) => end !== 'completed');
  return ['✓', ...ends.map((end) => `${end},`), seconds].join(' ');
}

const isGood = ({ problems }: Row) => problems.length === 0;
const lastOf = (name: string) => name.split(' · ').at(-1)!;
const placeOf = (name: string) => name.split(' · ').slice(0, -1).join(' · ');

const markdown = (head: string[], rows: string[][]) =>
  [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
