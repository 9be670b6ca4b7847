/**
 * Builds that arrive at random under random faults, while workers and the Temporal server are killed:
 * `npm run test:soak -- --builds 300 --minutes 10 --seed 7 [--workers N] [--out FILE]`. Exit code 1 when anything is left, made twice, not
 * restored or not over. The same seed makes the same plan.
 */
import { randomInt } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { commitNow } from '../report/commit';
import type { SoakRun } from '../report/soak';
import { planSoak } from './plan';
import { soak } from './run';
import { isGood, soakTable } from './table';

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      builds: { type: 'string', default: '300' },
      minutes: { type: 'string', default: '10' },
      seed: { type: 'string', default: String(randomInt(1_000_000)) },
      workers: { type: 'string', default: '2' },
      out: { type: 'string' },
    },
  });
  const [builds, minutes, seed, workers] = [values.builds, values.minutes, values.seed, values.workers].map(Number) as [
    number,
    number,
    number,
    number,
  ];
  const counts: [string, number][] = [
    ['builds', builds],
    ['minutes', minutes],
    ['workers', workers],
  ];
  const wrong = counts.find(([, value]) => !(value > 0));
  if (wrong) {
    console.error(`--${wrong[0]} must be a number greater than 0.`);
    return 2;
  }
  console.log(`${builds} builds in ${minutes} minutes on ${workers} workers, seed ${seed}`);
  const at = new Date().toISOString();
  const began = performance.now();
  let said = 0;
  const report = await soak(planSoak(seed, builds, minutes), workers, (line) => {
    if (performance.now() - said < 10_000) return;
    said = performance.now();
    console.log(`${Math.round((said - began) / 1000)} s: ${line}`);
  });
  console.log(soakTable(report));
  if (values.out !== undefined)
    writeFileSync(
      values.out,
      JSON.stringify({
        at,
        builds,
        minutes,
        seed,
        workers,
        commit: commitNow(),
        cores: availableParallelism(),
        report,
      } satisfies SoakRun),
    );
  if (isGood(report)) return 0;
  console.log(
    `Not as it must be: again with --builds ${builds} --minutes ${minutes} --seed ${seed} --workers ${workers}`,
  );
  return 1;
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
