import { execFile } from 'node:child_process';
import { accessSync, constants, statSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { type Program } from './programs';

const run = promisify(execFile);

/** A program that is there but cannot be used; the message says why. */
export class Unusable extends Error {
  override readonly name = 'Unusable';
}

/** Looks through `PATH` as a shell would. */
export function findOnPath(executable: string, env: NodeJS.ProcessEnv): string | undefined {
  const names = process.platform === 'win32' ? [`${executable}.exe`] : [executable];
  return (env.PATH ?? '')
    .split(path.delimiter)
    .filter((folder) => folder !== '')
    .flatMap((folder) => names.map((name) => path.join(folder, name)))
    .find(isExecutable);
}

/**
 * @throws Unusable when the file is not there, does not run, or has a server in it that is too old
 */
export async function checkProgram(program: Program, file: string): Promise<void> {
  if (!isExecutable(file)) throw new Unusable(`${file} is no file that can be run.`);
  if (program.minimumServer === undefined) return;
  const output = await run(file, ['--version'], { timeout: 20_000 }).then(
    ({ stdout }) => stdout,
    (error: unknown) => {
      throw new Unusable(`${file} --version failed: ${firstLine(error)}`);
    },
  );
  const [needMajor, needMinor] = program.minimumServer;
  const found = /\(Server (\d+)\.(\d+)/.exec(output);
  if (!found) throw new Unusable(`${file} does not say which server it holds: ${output.trim()}`);
  const [major, minor] = [Number(found[1]), Number(found[2])];
  if (major < needMajor || (major === needMajor && minor < needMinor)) {
    throw new Unusable(`${file} is too old: server ${major}.${minor}, needed is ${needMajor}.${needMinor} or newer.`);
  }
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
}

const firstLine = (error: unknown) => (error instanceof Error ? error.message : String(error)).split('\n')[0];
