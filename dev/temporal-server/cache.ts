import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { type Program } from './programs';

/** Root of the project, seen from `dist/dev/temporal-server/`. */
const projectRoot = path.resolve(__dirname, '..', '..', '..');

const unfinished = '.fetching-';

/** Where fetched programs stay: `CVM_IMAGE_CACHE`, else `.cache/` of the project. */
export const cacheFolder = (env: NodeJS.ProcessEnv) =>
  path.resolve(env.CVM_IMAGE_CACHE ?? path.join(projectRoot, '.cache'));

const fileName = (program: Program) => program.executable + (process.platform === 'win32' ? '.exe' : '');

/** A cache can be shared by machines (a home on the network), so the folder names the platform as well. */
const folderOf = (cache: string, program: Program) =>
  path.join(cache, `${program.wheel.name}-${program.wheel.version}-${process.platform}-${process.arch}`);

/** The program in the cache, if it is there. */
export function inCache(cache: string, program: Program): string | undefined {
  const file = path.join(folderOf(cache, program), fileName(program));
  return existsSync(file) ? file : undefined;
}

/**
 * Installs a program into the cache whole or not at all: `fetch` works in a folder of its own, and what it answers is
 * renamed into place. When two processes do this at once, the second finds the first one's and takes that.
 */
export async function installIntoCache(
  cache: string,
  program: Program,
  fetch: (folder: string) => Promise<string>,
): Promise<string> {
  await mkdir(cache, { recursive: true });
  await removeAbandoned(cache);
  const workshop = await mkdtemp(path.join(cache, unfinished));
  try {
    const fetched = await fetch(workshop);
    const finished = path.join(workshop, 'finished');
    await mkdir(finished);
    await rename(fetched, path.join(finished, fileName(program)));
    const folder = folderOf(cache, program);
    await rename(finished, folder).catch(async () => {
      if (inCache(cache, program) !== undefined) return;
      // Somebody took the program out of its folder by hand.
      await rm(folder, { recursive: true, force: true });
      await rename(finished, folder);
    });
    return path.join(folder, fileName(program));
  } finally {
    await rm(workshop, { recursive: true, force: true });
  }
}

/** What a killed process left in the cache; nothing takes an hour to fetch. */
async function removeAbandoned(cache: string): Promise<void> {
  for (const name of (await readdir(cache)).filter((entry) => entry.startsWith(unfinished))) {
    const folder = path.join(cache, name);
    const made = await stat(folder).catch(() => undefined);
    if (made && Date.now() - made.mtimeMs > 3_600_000) await rm(folder, { recursive: true, force: true });
  }
}
