import { build, type Plugin } from 'esbuild';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { workerFolder } from './bundles';

let made: Promise<string> | undefined;

/**
 * The harness's worker as one file, made once a process: loading some hundred modules is most of what starting a worker takes, and a
 * matrix starts about a thousand of them. See begin-worker.ts, which also keeps what V8 has compiled of it.
 *
 * @returns its path; it goes with this process
 */
export const workerProgram = (): Promise<string> => (made ??= make());

async function make(): Promise<string> {
  const outfile = path.join(workerFolder(), 'worker.cjs');
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
