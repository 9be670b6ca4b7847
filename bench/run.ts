import { parseArgs } from 'node:util';
import { measureBeginning } from './begin';
import { measureBuilds } from './builds';
import { measureList } from './list';
import { measureProcesses } from './processes';
import { measureRecovery } from './recovery';
import { table } from './table';

/**
 * `npm run bench`: the budgets of the design, measured. Prints a table of figures with their targets; `--json` prints the
 * same for scripts. `--builds N` sets how many build at once in the second part (default 20).
 */
async function main(): Promise<void> {
  const { values } = parseArgs({ options: { json: { type: 'boolean' }, builds: { type: 'string', default: '20' } } });
  const rows = [
    ...(await measureBuilds(Number(values.builds))),
    ...(await measureProcesses()),
    ...(await measureList()),
    ...(await measureRecovery()),
    ...(await measureBeginning()),
  ];
  if (values.json === true) console.log(JSON.stringify(rows, null, 2));
  else console.log(table(rows));
}

main().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
