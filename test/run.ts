/**
 * Runs the tests: `node dist/test/run.js [part of a path…]`. Every test file is a process of its own. The servers that
 * they need are found or fetched once, before, so that the files do not all do it at the same time.
 */
import { spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { temporalCli, temporalTestServer } from '../dev/temporal-server/programs';
import { resolveProgram } from '../dev/temporal-server/resolve';

/** No test file takes that long; one that does is stuck. */
const longestTestMs = 1_200_000;

async function main(filters: string[]): Promise<number> {
  const all = readdirSync(__dirname, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.test.js'));
  const files = all
    .filter((name) => filters.length === 0 || filters.some((part) => name.includes(normalise(part))))
    .sort();
  if (files.length === 0) {
    process.stderr.write(`No test file has ${filters.join(' or ') || '.test.js'} in its path.\n`);
    return 2;
  }
  const onNotice = (line: string) => process.stderr.write(`${line}\n`);
  const programs = [temporalCli, temporalTestServer];
  const found = await Promise.all(
    programs.map(async (program) => [program.pathVariable, await resolveProgram(program, { onNotice })] as const),
  );
  // Tests wait more than they compute, so there is always one more than there are processors.
  const concurrency = process.env.CVM_IMAGE_TEST_CONCURRENCY ?? String(os.availableParallelism() + 1);
  const options = [
    '--test',
    '--test-reporter=spec',
    `--test-concurrency=${concurrency}`,
    `--test-timeout=${longestTestMs}`,
  ];
  const child = spawn(process.execPath, [...options, ...files.map((name) => path.join(__dirname, name))], {
    stdio: 'inherit',
    env: { ...withoutSettings(process.env), ...Object.fromEntries(found) },
  });
  // Ctrl-C reaches the runner by itself; it prints its totals and we follow.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => child.kill(signal));
  return new Promise((resolve, reject) => {
    child.once('error', reject).once('exit', (code) => resolve(code ?? 1));
  });
}

/** A filter may name the source as well: test/dev/resolve.test.ts. */
const normalise = (part: string) => part.replace(/^(\.\/)?(dist\/)?test\//, '').replace(/\.ts$/, '.js');

/** What the user set for real use must not reach the tests: they would build on that cluster, or in that account. */
function withoutSettings(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const ours = /^(TEMPORAL_|TENCENTCLOUD_|CVM_IMAGE_(?!CACHE$))/;
  return Object.fromEntries(Object.entries(env).filter(([name]) => !ours.test(name)));
}

main(process.argv.slice(2)).then(
  (code) => (process.exitCode = code),
  (error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  },
);
