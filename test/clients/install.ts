import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { cacheFolder } from '../../dev/temporal-server/cache';

const run = promisify(execFile);

/** The sources of the rounds in other languages; they are not compiled, so they are not below `dist`. */
export const sources = path.resolve(__dirname, '..', '..', '..', 'test', 'clients');

/** Something that a round needs is not on this machine, or cannot be fetched. */
export class MissingError extends Error {}

/** How the Python clients are started. */
export interface PythonClients {
  readonly python: string;
  readonly tccli: string;
  readonly environment: NodeJS.ProcessEnv;
}

/**
 * Installs the Python SDK and tccli at the versions of `python/requirements.txt` into the project's cache, once. The user's
 * Python stays as it is.
 */
export async function installPythonClients(): Promise<PythonClients> {
  const python = 'python3';
  const version = await answerOf(python, ['--version'], 'Python 3.8 or newer (the command python3)');
  await answerOf(python, ['-m', 'pip', '--version'], 'pip for python3 (on Debian: apt-get install python3-pip)');
  const requirements = path.join(sources, 'python', 'requirements.txt');
  const folder = await onceInCache('python-clients', version + readFileSync(requirements, 'utf8'), async (target) => {
    const quiet = ['--quiet', '--no-input', '--disable-pip-version-check', '--no-compile'];
    await fetched(python, ['-m', 'pip', 'install', ...quiet, '--no-deps', '--target', target, '-r', requirements]);
  });
  const environment = { ...process.env, PYTHONPATH: folder };
  return { python, tccli: path.join(folder, 'bin', 'tccli'), environment };
}

/** Builds the Go round with the modules that `go/go.mod` pins; modules and compiled packages stay in the project's cache. */
export async function buildGoRound(): Promise<string> {
  const version = await answerOf('go', ['env', 'GOVERSION'], 'Go 1.21 or newer (the command go)');
  const source = path.join(sources, 'go');
  const content = ['go.mod', 'go.sum', 'main.go'].map((name) => readFileSync(path.join(source, name), 'utf8'));
  const folder = await onceInCache('go-round', version + content.join(''), async (target) => {
    const cache = path.join(cacheFolder(process.env), 'go');
    await fetched('go', ['build', '-o', path.join(target, 'round'), '.'], {
      cwd: source,
      env: {
        ...process.env,
        GOMODCACHE: path.join(cache, 'modules'),
        GOCACHE: path.join(cache, 'build'),
        GOFLAGS: '-mod=readonly -modcacherw -buildvcs=false',
        GOTOOLCHAIN: 'local',
      },
    });
  });
  return path.join(folder, 'round');
}

/** A folder of the cache that is made whole or not at all, and again when what it is made from has changed. */
async function onceInCache(name: string, madeFrom: string, make: (folder: string) => Promise<void>): Promise<string> {
  const cache = cacheFolder(process.env);
  const hash = createHash('sha256').update(`${process.platform} ${process.arch} ${madeFrom}`).digest('hex');
  const folder = path.join(cache, `${name}-${hash.slice(0, 12)}`);
  if (existsSync(folder)) return folder;
  await mkdir(cache, { recursive: true });
  const workshop = await mkdtemp(path.join(cache, '.fetching-'));
  try {
    const unfinished = path.join(workshop, 'made');
    await mkdir(unfinished);
    await make(unfinished);
    await rename(unfinished, folder).catch((error: unknown) => {
      // Another process was first.
      if (!existsSync(folder)) throw error;
    });
    return folder;
  } finally {
    await rm(workshop, { recursive: true, force: true });
  }
}

async function answerOf(command: string, args: readonly string[], what: string): Promise<string> {
  try {
    return (await run(command, [...args])).stdout.trim();
  } catch {
    throw new MissingError(`this machine has no ${what}. Install it and run the clients' tests again.`);
  }
}

async function fetched(command: string, args: readonly string[], options: object = {}): Promise<void> {
  try {
    await run(command, [...args], { timeout: 600_000, maxBuffer: 64 * 1024 * 1024, ...options });
  } catch (error) {
    const { stderr = '', message } = error as { stderr?: string; message: string };
    throw new MissingError(`"${[command, ...args].join(' ')}" failed: ${stderr.trim() || message}`);
  }
}
