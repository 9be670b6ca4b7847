import { build, type Plugin } from 'esbuild';
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';

let made: Promise<string> | undefined;

/**
 * The harness's worker as one file, made once a process: loading some hundred modules is most of what starting a worker takes, and a
 * matrix starts about a thousand of them. See begin-worker.ts, which also keeps what V8 has compiled of it.
 *
 * @returns its path; it goes with this process
 */
export const workerProgram = (): Promise<string> => (made ??= make());

async function make(): Promise<string> {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'durability-worker-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  const outfile = path.join(folder, 'worker.cjs');
  await build({
    entryPoints: [path.join(__dirname, 'worker-process.js')],
    outfile,
    bundle: true,
    minify: true,
    // Errors are told by their classes' names.
    keepNames: true,
    platform: 'node',
    target: 'node20',
    // They read files beside their own.
    external: ['@temporalio/core-bridge', 'source-map'],
    plugins: [withoutBundler],
    logLevel: 'error',
    // Those are found where begin-worker.ts says.
    logOverride: { 'require-resolve-not-external': 'silent' },
  });
  return outfile;
}

/** Workflows come as a finished bundle: what would make one is not loaded. */
const withoutBundler: Plugin = {
  name: 'without-bundler',
  setup: (making) => {
    making.onResolve({ filter: /^(webpack|memfs)$/ }, ({ path: wanted }) => ({ path: wanted, namespace: 'nothing' }));
    making.onLoad({ filter: /.*/, namespace: 'nothing' }, () => ({ contents: 'module.exports = {}' }));
  },
};
