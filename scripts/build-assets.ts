/**
 * The last act of `npm run build`: bundles the workflows, so that a worker need not do it at every start, and makes the
 * commands executable. A bundle whose inputs have not changed is left alone.
 */
import { createHash } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  symlinkSync,
  readdirSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import type { LogEntry } from '@temporalio/worker';
import { workflowSources } from './workflow-sources';

const dist = path.resolve(__dirname, '..');
const bundle = path.join(dist, 'workflow-bundle.js');
const stamp = path.join(dist, 'workflow-bundle.sha256');
const commands = {
  'cvm-image': path.join(dist, 'client', 'main.js'),
  'tencentcloud-simulator': path.join(dist, 'simulator', 'main.js'),
};

async function main(): Promise<void> {
  if (!existsSync(workflowSources.workflowsPath)) {
    throw new Error('dist/workflows/index.js is missing: run "npm run build", which compiles before it bundles.');
  }
  const inputs = fingerprint();
  const upToDate = existsSync(bundle) && existsSync(stamp) && readFileSync(stamp, 'utf8') === inputs;
  if (!upToDate) await makeBundle(inputs);
  for (const [name, program] of Object.entries(commands)) {
    if (!existsSync(program)) continue;
    chmodSync(program, 0o755);
    linkCommand(name, program);
  }
}

/**
 * Puts a command where `npx` looks first. npm links only what other packages bring, and for the project's own
 * commands npx would install the project into a cache of its own.
 */
function linkCommand(name: string, program: string): void {
  const folder = path.join(dist, '..', 'node_modules', '.bin');
  const link = path.join(folder, name);
  // Windows wants a shell script there instead; `node dist/…/main.js` works everywhere.
  if (process.platform === 'win32' || lstatSync(link, { throwIfNoEntry: false })) return;
  mkdirSync(folder, { recursive: true });
  symlinkSync(path.relative(folder, program), link);
}

async function makeBundle(inputs: string): Promise<void> {
  // Loaded here only: it pulls in webpack, which a build with nothing to do need not wait for.
  const { bundleWorkflowCode, DefaultLogger } = await import('@temporalio/worker');
  const report = (entry: LogEntry) => process.stderr.write(`${entry.level}: ${entry.message}\n`);
  const { code } = await bundleWorkflowCode({
    ...workflowSources,
    logger: new DefaultLogger('WARN', report),
  });
  const unfinished = `${bundle}.${process.pid}`;
  writeFileSync(unfinished, code);
  renameSync(unfinished, bundle);
  writeFileSync(stamp, inputs);
}

/**
 * Everything that can end up in the bundle: our compiled workflow code, the packages by the lockfile that pins them, and how
 * this script has them bundled.
 * A worker refuses a bundle of another SDK version, so that version counts as well.
 */
function fingerprint(): string {
  const hash = createHash('sha256');
  const add = (name: string, file: string) => hash.update(`${name}\0`).update(readFileSync(file)).update('\0');
  for (const folder of ['contract', 'workflows']) {
    const files = readdirSync(path.join(dist, folder), { recursive: true, encoding: 'utf8' });
    for (const file of files.filter((name) => name.endsWith('.js')).sort()) {
      add(`${folder}/${file}`, path.join(dist, folder, file));
    }
  }
  add('this script', __filename);
  add('what it bundles', require.resolve('./workflow-sources'));
  const lockfile = path.join(dist, '..', 'package-lock.json');
  if (existsSync(lockfile)) add('package-lock.json', lockfile);
  add('@temporalio/worker', require.resolve('@temporalio/worker/package.json'));
  return hash.digest('hex');
}

main().catch((error: unknown) => {
  process.stderr.write(`build-assets: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
});
