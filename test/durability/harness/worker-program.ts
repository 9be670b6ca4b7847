import { build, type Plugin } from 'esbuild';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { bundlePath } from '../../support/bare-worker';

let folder: string | undefined;
let made: Promise<string> | undefined;
let lean: string | undefined;

/** For what workers are started with; it goes with this process. */
function temporary(): string {
  if (folder !== undefined) return folder;
  const own = (folder = mkdtempSync(path.join(os.tmpdir(), 'durability-worker-')));
  process.once('exit', () => rmSync(own, { recursive: true, force: true }));
  return own;
}

/**
 * The bundle of the workflows without its map to the sources, which the SDK wants to be there: to read it takes a tenth of what
 * it takes to start a worker.
 *
 * @returns its path; it goes with this process
 */
export function leanBundle(): string {
  if (lean !== undefined) return lean;
  lean = path.join(temporary(), 'workflows.js');
  const code = readFileSync(bundlePath, 'utf8');
  const marker = '//# sourceMappingURL=data:application/json;charset=utf-8;base64,';
  const at = code.lastIndexOf(marker);
  if (at < 0) throw new Error(`${bundlePath} has no source map`);
  const map = { version: 3, file: lean, sources: [], names: [], mappings: '' };
  writeFileSync(lean, `${code.slice(0, at)}${marker}${Buffer.from(JSON.stringify(map)).toString('base64')}\n`);
  return lean;
}

/**
 * The harness's worker as one file, made once a process: loading some hundred modules is most of what starting a worker takes, and a
 * matrix starts about a thousand of them. See begin-worker.ts, which also keeps what V8 has compiled of it.
 *
 * @returns its path; it goes with this process
 */
export const workerProgram = (): Promise<string> => (made ??= make());

async function make(): Promise<string> {
  const outfile = path.join(temporary(), 'worker.cjs');
  await build({
    entryPoints: [path.join(__dirname, 'worker-process.js')],
    outfile,
    bundle: true,
    minify: true,
    // Errors are told by their classes' names.
    keepNames: true,
    platform: 'node',
    target: 'node20',
    // It reads files beside its own.
    external: ['source-map'],
    plugins: [withoutBundler, nativePart],
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

/** The native part lies beside the module that loads it. */
const nativePart: Plugin = {
  name: 'native-part',
  setup: (making) => {
    making.onLoad({ filter: /core-bridge[\\/]common\.js$/ }, ({ path: file }) => ({
      contents: readFileSync(file, 'utf8').replaceAll('__dirname', JSON.stringify(path.dirname(file))),
    }));
  },
};
