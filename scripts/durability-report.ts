/**
 * Puts the figures of a run into docs/durability.md: `npm run durability:report -- [--matrix FILE…] [--soak FILE]`, where the files are what
 * `npm run test:durability` and `npm run test:soak` wrote with `--out`. Of several runs of
 * the matrix the last one is told in full. All of them are to be of one commit, with nothing changed since. Without files the matrix and a
 * soak of 300 builds are played first, which takes half an hour.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { format, resolveConfig } from 'prettier';
import { measureRecovery } from '../bench/recovery';
import { type MatrixRun, matrixTables } from '../test/durability/report/matrix';
import { type SoakRun, soakFigures } from '../test/durability/report/soak';
import { isGood } from '../test/durability/soak/table';

const page = path.resolve('docs/durability.md');

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { matrix: { type: 'string', multiple: true }, soak: { type: 'string' } } });
  const folder = mkdtempSync(path.join(os.tmpdir(), 'cvm-image-report-'));
  try {
    const files = values.matrix ?? [played('main.js', [], path.join(folder, 'matrix.json'))];
    const matrices = files.map(read) as MatrixRun[];
    const part = matrices.find(({ of, played: rows }) => rows.length !== of);
    if (part) throw new Error(`a run of ${part.played.length} of ${part.of} scenarios is not the matrix`);
    const soakArguments = ['--builds', '300', '--minutes', '10', '--seed', '7'];
    const soak = read(values.soak ?? played('soak/main.js', soakArguments, path.join(folder, 'soak.json'))) as SoakRun;
    if (soak.builds < 300 || soak.minutes < 10) throw new Error('the soak to be told of has 300 builds in 10 minutes');
    const commits = new Set([...matrices, soak].map(({ commit }) => commit));
    const [commit] = commits;
    if (commits.size > 1 || !/^[0-9a-f]+$/.test(commit!))
      throw new Error(`these runs are not all of one commit: ${[...commits].join(', ')}`);
    const recovery = (await measureRecovery()).map(
      ({ what, value, target }) => `- ${what}: ${value} (target ${target})`,
    );
    const parts = { matrix: matrixTables(matrices), soak: soakFigures(soak), recovery: recovery.join('\n') };
    let text = readFileSync(page, 'utf8');
    for (const [name, content] of Object.entries(parts)) text = put(text, name, content);
    writeFileSync(page, await format(text, { ...(await resolveConfig(page)), filepath: page }));
    console.log(`${page} is written.`);
    // What is not as it must be is told, and is no success.
    const isRed =
      matrices.some(({ played: rows }) => rows.some(({ problems }) => problems.length > 0)) || !isGood(soak.report);
    if (isRed) process.exitCode = 1;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Runs one of the two, which say on standard output how it goes; a scenario that is wrong is reported, too. */
function played(script: string, given: string[], out: string): string {
  const file = path.resolve(__dirname, '../test/durability', script);
  spawnSync(process.execPath, [file, ...given, '--out', out], { stdio: 'inherit' });
  return out;
}

const read = (file: string): unknown => JSON.parse(readFileSync(file, 'utf8'));

/** Replaces what stands between the marks of that name. */
function put(text: string, name: string, content: string): string {
  const [begin, end] = [`<!-- ${name} -->`, `<!-- /${name} -->`];
  const [from, to] = [text.indexOf(begin), text.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`${page} has no ${begin} … ${end}`);
  return `${text.slice(0, from + begin.length)}\n\n${content}\n\n${text.slice(to)}`;
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
