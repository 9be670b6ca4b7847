import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';

const main = path.resolve(__dirname, '../../client/main.js');

/** What a run of the command came to. */
export interface CommandOutcome {
  code: number | null;
  stdout: string;
  stderr: string;
  seconds: number;
}

/** Runs `cvm-image` as a process of its own, as a script would call it, in an environment without anybody's Temporal. */
export async function runCommand(args: string[], env: NodeJS.ProcessEnv): Promise<CommandOutcome> {
  const begun = performance.now();
  const child = spawn(process.execPath, [main, ...args], {
    env: { PATH: process.env.PATH, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, stdout, stderr, seconds: (performance.now() - begun) / 1000 };
}
