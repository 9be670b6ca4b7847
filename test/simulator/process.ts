import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext } from 'node:test';

const program = join(__dirname, '../../simulator/main.js');

/** A simulator in a process of its own, which can be killed. */
export interface Process {
  readonly child: ChildProcess;
  readonly port: number;
  readonly url: string;
}

/** An empty directory that is removed when the test ends. */
export async function directory(t: TestContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'simulator-'));
  t.after(() => rm(path, { recursive: true, force: true, maxRetries: 20 }));
  return path;
}

/** Starts a simulator, without limits of rates, and waits until it is ready. */
export async function run(t: TestContext, ...args: string[]): Promise<Process> {
  const child = spawn(process.execPath, [program, '--port', '0', '--rate-scale', '0', ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.after(() => child.kill('SIGKILL'));
  const ended = once(child, 'exit').then(() => assert.fail('the simulator did not start'));
  const [line] = (await Promise.race([once(child.stdout, 'data'), ended])) as [Buffer];
  ended.catch(() => undefined);
  const match = /^simulator listening on (http:\/\/127\.0\.0\.1:(\d+)) \(speed /.exec(line.toString());
  assert.ok(match !== null, line.toString());
  return { child, url: match[1]!, port: Number(match[2]) };
}

/** As `kill -9` does it. */
export async function kill({ child }: Process): Promise<void> {
  child.kill('SIGKILL');
  await once(child, 'exit');
}

/** Runs the command until it ends by itself. */
export async function finish(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const child = spawn(process.execPath, [program, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  let [out, err] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()));
  const [code] = (await once(child, 'close')) as [number];
  return { code, out, err };
}
