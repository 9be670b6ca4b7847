/**
 * Plays the matrix: `npm run test:durability -- [part of a title…] [--slice] [--list] [--jobs N] [--out FILE]`. Ends with a table, and with
 * exit code 1 when a scenario is not as it must be.
 */
import { EventEmitter, once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { checks, type Verdict } from './harness/judge';
import { aboutToCall } from './harness/processes';
import { play, type Played } from './harness/run';
import { type Scenario, titleOf } from './harness/scenario';
import { openSite } from './harness/site';
import { summary } from './harness/table';
import { commitNow } from './report/commit';
import type { MatrixRun } from './report/matrix';
import { scenarios } from './scenarios';

/** Scenarios on the shared server at a time: they mostly wait. */
const jobsDefault = 16;
/** Its worker stands still for most of the time: so does the machine, if it is not given others to play meanwhile. */
const isStill = ({ worker }: Scenario) => worker === aboutToCall.worker;
/** One that has a server or workers of its own, and kills them, takes the machine as two others do. */
const weightOf = (scenario: Scenario) => {
  const { site = 'shared' } = scenario;
  return site === 'shared' || isStill(scenario) ? 1 : 2;
};

/**
 * The order in which they are played: each kind spread evenly over the whole run. Those that mostly wait and those that mostly work are
 * played beside each other, where otherwise the machine is idle while the former are at the end.
 */
function spread(chosen: Scenario[]): Scenario[] {
  const kindOf = (one: Scenario) => `${one.group} ${weightOf(one)} ${isStill(one)}`;
  return [...new Set(chosen.map(kindOf))]
    .map((kind) => chosen.filter((one) => kindOf(one) === kind))
    .flatMap((kind) => kind.map((scenario, index) => ({ scenario, at: (index + 0.5) / kind.length })))
    .sort((one, other) => one.at - other.at)
    .map(({ scenario }) => scenario);
}

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      slice: { type: 'boolean', default: false },
      list: { type: 'boolean', default: false },
      jobs: { type: 'string', default: String(jobsDefault) },
      out: { type: 'string' },
    },
  });
  const chosen = scenarios
    .filter((scenario) => positionals.every((part) => titleOf(scenario).includes(part)))
    .filter((scenario) => !values.slice || scenario.slice === true);
  if (values.list) {
    for (const scenario of chosen) console.log(titleOf(scenario));
    console.log(`${chosen.length} scenarios`);
    return 0;
  }
  if (chosen.length === 0) {
    console.error(`No scenario has ${positionals.join(' and ')} in its title; --list shows them.`);
    return 2;
  }
  const at = new Date().toISOString();
  const began = performance.now();
  const jobs = Number(values.jobs);
  const played = inOrder(chosen, await playAll(chosen, jobs));
  const seconds = (performance.now() - began) / 1000;
  console.log(`\n${summary(played, seconds)}`);
  if (values.out !== undefined) {
    const rows = played.map(({ scenario: { group, name }, verdict, problems, ended, calls, seconds, missed }) => {
      return { group, name, verdict, problems, ended, calls, seconds, ...(missed ? { missed } : {}) };
    });
    const run: MatrixRun = {
      at,
      seconds,
      of: scenarios.length,
      commit: commitNow(),
      cores: availableParallelism(),
      jobs,
      played: rows,
    };
    writeFileSync(values.out, JSON.stringify(run));
  }
  return played.every(({ problems }) => problems.length === 0) ? 0 : 1;
}

const inOrder = (chosen: Scenario[], played: Played[]) =>
  [...played].sort((one, other) => chosen.indexOf(one.scenario) - chosen.indexOf(other.scenario));

/** A scenario that the harness itself could not carry through proves nothing; the others go on. */
const broken = (scenario: Scenario, error: unknown): Played => ({
  scenario,
  title: titleOf(scenario),
  verdict: Object.fromEntries(checks.map((check) => [check, 'n/a'])) as Verdict,
  problems: [`the harness: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`],
  seconds: 0,
  ended: ['not played'],
  calls: 0,
});

/** Plays so many at a time, and says each as it ends. */
async function playAll(chosen: Scenario[], jobs: number): Promise<Played[]> {
  const site = await openSite();
  const waiting = spread(chosen);
  const played: Played[] = [];
  const playOne = async (scenario: Scenario) => {
    const one = await play(site, scenario).catch((error: unknown) => broken(scenario, error));
    played.push(one);
    const sites = new Set(waiting.map((scenario) => scenario.site));
    await site.places.closeFree(({ ownServer }) => !sites.has(ownServer ? 'server' : 'workers'));
    const mark = one.problems.length === 0 ? '✓' : '✗';
    console.log(
      `${mark} ${one.title} (${one.ended.length > 3 ? `${one.ended.length} builds` : one.ended.join(', ')}; ${one.seconds.toFixed(1)} s) ${played.length}/${chosen.length}`,
    );
    for (const problem of one.problems) console.log(`    ${problem}`);
    for (const problem of one.missed ?? []) console.log(`    played once more, since before ${problem}`);
  };
  const hands = new EventEmitter();
  const playing: Promise<void>[] = [];
  let free = jobs;
  try {
    for (let next = waiting.shift(); next; next = waiting.shift()) {
      const weight = Math.min(jobs, weightOf(next));
      while (free < weight) await once(hands, 'free');
      free -= weight;
      const one = playOne(next).finally(() => {
        free += weight;
        hands.emit('free');
      });
      playing.push(one);
    }
    await Promise.all(playing);
  } finally {
    await site.stop();
  }
  return played;
}

// What it has started ends with it, also when somebody has had enough.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));
main().then(
  (code) => process.exit(code),
  (error: unknown) => {
    console.error(error);
    process.exit(1);
  },
);
