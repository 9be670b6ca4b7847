import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { after, describe, test } from 'node:test';

const main = path.resolve(__dirname, '../../client/main.js');
const folder = mkdtempSync(path.join(os.tmpdir(), 'cvm-image-command-'));
after(() => rmSync(folder, { recursive: true }));

interface Ended {
  code: number | null;
  out: string;
  err: string;
  seconds: number;
}

/** Runs the command as a process, in an environment without anybody's Temporal. */
async function run(args: string[], env: NodeJS.ProcessEnv = {}): Promise<Ended> {
  const begun = performance.now();
  const child = spawn(process.execPath, [main, ...args], {
    env: { PATH: process.env.PATH, HOME: folder, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let out = '';
  let err = '';
  child.stdout.on('data', (data: Buffer) => (out += data.toString()));
  child.stderr.on('data', (data: Buffer) => (err += data.toString()));
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, out, err, seconds: (performance.now() - begun) / 1000 };
}

async function closedPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}

describe('cvm-image', () => {
  test('--help names verbs and exit codes, and loads nothing but what it needs', async () => {
    const { code, out } = await run(['--help']);
    assert.equal(code, 0);
    for (const word of ['build', 'list', 'show', 'watch', 'cancel', 'open', 'doctor', 'worker', 'dev', 'Exit codes']) {
      assert.match(out, new RegExp(`\\b${word}\\b`));
    }
    const loaded = 'process.on("exit", () => console.error(Object.keys(require.cache).join("\\n")))';
    const preload = path.join(folder, 'preload.cjs');
    writeFileSync(preload, loaded);
    const { err } = await run(['--help'], { NODE_OPTIONS: `--require ${preload}` });
    assert.match(err, /node_modules\/commander/);
    assert.doesNotMatch(err, /node_modules\/(@temporalio|zod|yaml|picocolors)/);
  });

  test('ends with 2 for wrong use, and suggests what was meant', async () => {
    const verb = await run(['bild']);
    assert.equal(verb.code, 2);
    assert.match(verb.err, /Did you mean build\?/);
    const flag = await run(['build', '--regoin', 'ap-guangzhou']);
    assert.equal(flag.code, 2);
    assert.match(flag.err, /Did you mean --region\?/);
    assert.equal((await run([])).code, 2);
    assert.equal((await run(['show'])).code, 2);
    assert.equal((await run(['list', '--limit', 'few'])).code, 2);
  });

  test('ends with 2 for a wrong spec, without asking Temporal', async () => {
    const spec = path.join(folder, 'wrong.yaml');
    writeFileSync(spec, 'region: guangzhou\nimage: { nmae: web }\n');
    const { code, out, err, seconds } = await run(['build', '--spec', spec]);
    assert.equal(code, 2);
    assert.equal(out, '');
    assert.equal(
      err,
      [
        `${spec}: region: expected a region such as ap-guangzhou (found "guangzhou")`,
        `${spec}: instanceId: missing; expected string`,
        `${spec}: image.name: missing; expected string`,
        `${spec}: image.nmae: unknown key; did you mean name?`,
        '',
      ].join('\n'),
    );
    assert.ok(seconds < 15, `it took ${seconds} s`);
    const json = await run(['build', '--spec', spec, '--json']);
    const told = JSON.parse(json.out) as { type: string; exitCode: number; problems: { path: string }[] };
    assert.equal(json.code, 2);
    assert.deepEqual([told.type, told.exitCode, told.problems.length], ['error', 2, 4]);
  });

  test('ends with 3 when Temporal cannot be reached: one message, which names the address', async () => {
    const address = `127.0.0.1:${await closedPort()}`;
    for (const args of [
      ['list'],
      ['build', '--region', 'ap-guangzhou', '--instance', 'ins-web00001', '--image-name', 'w'],
    ]) {
      const { code, out, err, seconds } = await run(args, { TEMPORAL_ADDRESS: address });
      assert.equal(code, 3);
      assert.equal(out, '');
      assert.ok(err.startsWith(`Temporal cannot be reached at ${address} `), err);
      assert.doesNotMatch(err, /grpc|UNAVAILABLE|\bat .*\.js:\d+/i);
      // It gives up after 4 s; the rest is for slow machines.
      assert.ok(seconds < 20, `it took ${seconds} s`);
    }
  });

  test('ends with 2 when the configuration of Temporal cannot be read', async () => {
    const config = path.join(folder, 'temporal.toml');
    writeFileSync(config, '[profile.default\n');
    const { code, err } = await run(['list'], { TEMPORAL_CONFIG_FILE: config });
    assert.equal(code, 2);
    assert.match(err, /^Temporal's configuration cannot be read: /);
  });
});
