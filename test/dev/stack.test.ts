import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { after, describe, test } from 'node:test';
import { freePorts } from '../../dev/ports';
import { identify, stillRuns } from '../../dev/processes/identity';
import { readRecord, type StackRecord } from '../../dev/stack/record';
import { runningStack, stopStack } from '../../dev/stack/stack';
import { untilTrue } from '../../dev/until';
import { Program } from '../support/program';

/** What `npm run dev` says once all is up. */
const up = 'Ctrl-C stops everything.';

const folders: string[] = [];
after(async () => {
  // A test that failed half-way must not leave its stack behind.
  for (const folder of folders) {
    await stopStack(folder);
    await rm(folder, { recursive: true, force: true });
  }
});

async function place() {
  const dataDir = await mkdtemp(path.join(os.tmpdir(), 'stack-'));
  folders.push(dataDir);
  const [temporal, ui, simulator] = await freePorts(3);
  const ports = [`--temporal-port=${temporal!}`, `--ui-port=${ui!}`, `--simulator-port=${simulator!}`];
  return { dataDir, ports, temporal: temporal!, ui: ui!, simulator: simulator!, args: [...ports, `--data=${dataDir}`] };
}

async function nothingRuns(record: StackRecord): Promise<boolean> {
  const states = await Promise.all([record.owner, ...record.processes].map(stillRuns));
  return states.every((state) => !state);
}

void describe('npm run dev', () => {
  test('starts a stack, and Ctrl-C leaves nothing running', async () => {
    const { args, dataDir, temporal, ui, simulator } = await place();
    const dev = new Program('dev/main.js', args);
    try {
      await dev.says(up);
      for (const port of [temporal, ui, simulator]) assert.match(dev.output, new RegExp(`127\\.0\\.0\\.1:${port}`));
      assert.equal((await fetch(`http://127.0.0.1:${ui}`)).status, 200, 'the Web UI answers');
      const record = readRecord(dataDir)!;
      assert.deepEqual(record.processes.map(({ name }) => name).sort(), ['Temporal server', 'simulator', 'worker']);
      dev.signal('SIGINT');
      assert.equal(await dev.ended, 0, dev.output);
      assert.ok(await nothingRuns(record));
      assert.equal(readRecord(dataDir), undefined);
    } finally {
      await dev.end();
    }
  });

  test('says what is in the way: a stack in the same folder, ports that are taken', async () => {
    const first = await place();
    const dev = new Program('dev/main.js', first.args);
    try {
      await dev.says(up);
      const again = new Program('dev/main.js', first.args);
      assert.equal(await again.ended, 2);
      assert.match(again.output, /A stack runs already in .*--stop/s);

      const elsewhere = await place();
      const same = new Program('dev/main.js', [...first.ports, `--data=${elsewhere.dataDir}`]);
      assert.equal(await same.ended, 2);
      assert.match(same.output, new RegExp(`Port ${first.temporal} for the Temporal server is taken.*--temporal-port`));
      assert.match(same.output, new RegExp(`Port ${first.simulator} for the simulator is taken.*--simulator-port`));
      assert.equal(readRecord(elsewhere.dataDir), undefined);

      const second = new Program('dev/main.js', elsewhere.args);
      await second.says(up);
      second.signal('SIGTERM');
      assert.equal(await second.ended, 0);
    } finally {
      await dev.end();
    }
  });

  test('starts a part again that dies', async () => {
    const { args, dataDir } = await place();
    const dev = new Program('dev/main.js', args);
    try {
      await dev.says(up);
      const worker = readRecord(dataDir)!.processes.find(({ name }) => name === 'worker')!;
      process.kill(worker.pid, 'SIGKILL');
      await dev.says('worker ended (SIGKILL) and was started again.');
      const now = readRecord(dataDir)!.processes.find(({ name }) => name === 'worker')!;
      assert.notEqual(now.pid, worker.pid);
      assert.ok(await stillRuns(now));
    } finally {
      await dev.end();
    }
  });

  test('killed, takes its parts along, and starts again at the same place', async () => {
    const { args, dataDir } = await place();
    const killed = new Program('dev/main.js', args);
    await killed.says(up);
    const record = readRecord(dataDir)!;
    killed.signal('SIGKILL');
    await killed.ended;
    const dev = new Program('dev/main.js', args);
    try {
      await dev.says(up);
      assert.ok(await nothingRuns(record));
    } finally {
      await dev.end();
    }
  });

  test('--stop ends it from elsewhere', async () => {
    const { args, dataDir } = await place();
    const dev = new Program('dev/main.js', args);
    try {
      await dev.says(up);
      const stop = new Program('dev/main.js', ['--stop', `--data=${dataDir}`]);
      assert.equal(await stop.ended, 0);
      assert.match(stop.output, /The stack has stopped/);
      assert.equal(await dev.ended, 0);
      const nothing = new Program('dev/main.js', ['--stop', `--data=${dataDir}`]);
      assert.equal(await nothing.ended, 0);
      assert.match(nothing.output, /No stack runs here/);
    } finally {
      await dev.end();
    }
  });

  test('refuses flags that make no sense', async () => {
    for (const flags of [['--temporal-port=0'], ['--speed=fast'], ['--nonesuch'], ['surplus']]) {
      const dev = new Program('dev/main.js', flags);
      assert.equal(await dev.ended, 2, `${flags.join(' ')}: ${dev.output}`);
      assert.doesNotMatch(dev.output, /^\s+at /m);
    }
  });
});

void describe('a process is told from a later one with its PID', () => {
  test('by the moment of its start', async () => {
    const self = (await identify(process.pid))!;
    assert.ok(await stillRuns(self));
    assert.ok(!(await stillRuns({ ...self, started: 'before' })));
    const gone = new Program('dev/main.js', ['--help']);
    const { pid } = gone;
    await gone.ended;
    assert.ok(await untilTrue(async () => (await identify(pid)) === undefined, 5000));
  });

  test('so a stale record does no harm', async () => {
    const { dataDir } = await place();
    assert.equal(await runningStack(dataDir), undefined);
  });
});
