/**
 * Prints what the simulator serves of the API: `npm run simulator:coverage`. With `--write` the table in simulator/README.md
 * is made anew; with `--check` the exit code is 1 when that table is not current.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { format, resolveConfig } from 'prettier';
import { coverageMarkdown } from '../simulator/coverage';

const readme = path.resolve(__dirname, '../../simulator/README.md');
const begin = '<!-- coverage: made by npm run simulator:coverage -- --write -->';
const end = '<!-- /coverage -->';

async function main(flags: readonly string[]): Promise<number> {
  const unknown = flags.find((flag) => flag !== '--write' && flag !== '--check');
  if (unknown !== undefined) throw new Error(`unknown option ${unknown}: use --write or --check, or none to print`);
  const table = await format(coverageMarkdown(), { ...(await resolveConfig(readme)), parser: 'markdown' });
  if (flags.length === 0) {
    process.stdout.write(table);
    return 0;
  }
  const text = readFileSync(readme, 'utf8');
  const from = text.indexOf(begin);
  const to = text.indexOf(end);
  if (from === -1 || to < from) throw new Error(`simulator/README.md must hold the lines\n${begin}\n${end}`);
  const current = `${text.slice(0, from)}${begin}\n\n${table}\n${text.slice(to)}`;
  if (flags.includes('--write')) writeFileSync(readme, current);
  else if (current !== text) {
    process.stderr.write('simulator/README.md is out of date: run "npm run simulator:coverage -- --write".\n');
    return 1;
  }
  return 0;
}

main(process.argv.slice(2)).then(
  (code) => (process.exitCode = code),
  (error: unknown) => {
    process.stderr.write(`simulator-coverage: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  },
);
