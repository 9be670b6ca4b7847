import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import type { BuildStack } from './build-stack';

const main = path.resolve(__dirname, '../../client/main.js');

/** What a run of the command came to. */
export interface CommandOutcome {
  code: number | null;
  stdout: string;
  stderr: string;
  seconds: number;
}

/** Starts `cvm-image` as a process of its own, as a script would call it, in an environment without anybody's Temporal. */
export function startCommand(args: string[], env: NodeJS.ProcessEnv) {
  return spawn(process.execPath, [main, ...args], {
    env: { PATH: process.env.PATH, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

/** Waits until a command that was just started has ended. */
export async function finishCommand(child: ReturnType<typeof startCommand>): Promise<CommandOutcome> {
  const begun = performance.now();
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  await once(child, 'close');
  return { code: child.exitCode, stdout, stderr, seconds: (performance.now() - begun) / 1000 };
}

/** Runs `cvm-image` and waits for its end. */
export const runCommand = (args: string[], env: NodeJS.ProcessEnv): Promise<CommandOutcome> =>
  finishCommand(startCommand(args, env));

/** The environment of a command that talks to a test's own stack; `home` is a folder of the test's own. */
export const commandEnv = (
  { temporal, taskQueue }: Pick<BuildStack, 'temporal' | 'taskQueue'>,
  home: string,
): NodeJS.ProcessEnv => ({
  HOME: home,
  TEMPORAL_ADDRESS: temporal.address,
  TEMPORAL_NAMESPACE: temporal.namespace,
  CVM_IMAGE_TASK_QUEUE: taskQueue,
});

/** What `--json` wrote, an object a line. */
export const linesOf = ({ stdout }: CommandOutcome) =>
  stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);

/** Nothing that a user does gives a stack trace. */
export const noTrace = ({ stderr, stdout }: CommandOutcome) =>
  assert.doesNotMatch(stderr + stdout, /\n\s+at .+:\d+:\d+/);
