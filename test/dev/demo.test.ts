import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { after, describe, test } from 'node:test';
import { freePorts } from '../../dev/ports';
import { stillRuns } from '../../dev/processes/identity';
import { readRecord, type StackRecord } from '../../dev/stack/record';
import { stopStack } from '../../dev/stack/stack';
import { startTestTemporal } from '../support/temporal';
import { Program } from '../support/program';

const folders: string[] = [];
after(async () => {
  for (const folder of folders) {
    await stopStack(folder);
    await rm(folder, { recursive: true, force: true });
  }
});

async function demoPlace() {
  const dataDir = await mkdtemp(path.join(os.tmpdir(), 'demo-'));
  folders.push(dataDir);
  const [temporal, ui, simulator] = await freePorts(3);
  const ports = [`--temporal-port=${temporal!}`, `--ui-port=${ui!}`, `--simulator-port=${simulator!}`];
  return { dataDir, args: [...ports, `--data=${dataDir}`, '--speed=150'] };
}

/** Checks that a demo came to its good end; answers the ID of its build. */
async function completed(demo: Program): Promise<string> {
  assert.equal(await demo.ended, 0, demo.output);
  const [, buildId] = await demo.says(/Build (web00001-[0-9a-f]{12}) is done/);
  assert.equal(demo.output.match(/✓ equal/g)?.length, 2, demo.output);
  for (const part of ['API calls', 'history events', 'Web UI', 'down for', 'new instance']) {
    assert.ok(demo.output.includes(part), `${part} is missing in:\n${demo.output}`);
  }
  return buildId!;
}

async function nothingRuns({ owner, processes }: StackRecord): Promise<void> {
  for (const one of [owner, ...processes]) assert.ok(!(await stillRuns(one)), `${JSON.stringify(one)} still runs`);
}

void describe('npm run demo', () => {
  test('taken up after kill -9 of everything and after Ctrl-C; begun afresh after a good end', async () => {
    const { args, dataDir } = await demoPlace();
    const killed = new Program('dev/demo.js', args);
    const [, first] = await killed.says(/build (web00001-[0-9a-f]{12})/);
    await killed.says(/snapshotDisks +begins/);
    const record = readRecord(dataDir)!;
    for (const { pid } of [record.owner, ...record.processes]) process.kill(pid, 'SIGKILL');
    await killed.ended;

    const interrupted = new Program('dev/demo.js', args);
    await interrupted.says(`Taking up the unfinished build ${first!}`);
    await interrupted.says(/pollImage +begins/);
    const second = readRecord(dataDir)!;
    interrupted.signal('SIGINT');
    assert.equal(await interrupted.ended, 130);
    assert.match(interrupted.output, /npm run demo takes it up again/);
    await nothingRuns(second);

    const resumed = new Program('dev/demo.js', args);
    assert.equal(await completed(resumed), first);

    const afresh = new Program('dev/demo.js', args);
    assert.notEqual(await completed(afresh), first);
    assert.equal(readRecord(dataDir), undefined);
  });

  test('--keep leaves the stack up, another demo uses it, --stop ends it', async () => {
    const { args, dataDir } = await demoPlace();
    const keeping = new Program('dev/demo.js', [...args, '--keep']);
    const first = await completed(keeping);
    assert.match(keeping.output, /The stack is still up/);
    const record = readRecord(dataDir)!;
    assert.equal(record.processes.length, 3);
    for (const one of record.processes) assert.ok(await stillRuns(one), one.name);

    const again = new Program('dev/demo.js', args);
    assert.notEqual(await completed(again), first);
    assert.match(again.output, /Using the stack that runs already/);
    for (const one of record.processes) assert.ok(await stillRuns(one), one.name);

    const stop = new Program('dev/demo.js', ['--stop', `--data=${dataDir}`]);
    assert.equal(await stop.ended, 0);
    await nothingRuns(record);
  });

  test('uses the cluster that TEMPORAL_ADDRESS names, and starts none', async () => {
    const { args, dataDir } = await demoPlace();
    const temporal = await startTestTemporal();
    try {
      const env = { ...process.env, TEMPORAL_ADDRESS: temporal.address, TEMPORAL_NAMESPACE: temporal.namespace };
      const demo = new Program('dev/demo.js', args, env);
      await demo.says(/snapshotDisks +begins/);
      const names = readRecord(dataDir)!.processes.map(({ name }) => name);
      assert.deepEqual(names.sort(), ['simulator', 'worker']);
      await completed(demo);
    } finally {
      await temporal.stop();
    }
  });
});
