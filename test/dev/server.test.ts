import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { spawn } from 'node:child_process';
import { test } from 'node:test';
import { Client, Connection } from '@temporalio/client';
import { searchAttributes } from '../../contract';
import { stillRuns, type ProcessIdentity } from '../../dev/processes/identity';
import { startTemporalServer } from '../../dev/temporal-server/server';
import { untilTrue } from '../../dev/until';
import { startTestTemporal } from '../support/temporal';

test('the dev server answers with its namespace and the search attributes of the contract', async () => {
  const temporal = await startTestTemporal();
  try {
    const connection = await Connection.connect({ address: temporal.address });
    const { namespace } = temporal;
    const { customAttributes } = await connection.operatorService.listSearchAttributes({ namespace });
    for (const name of Object.keys(searchAttributes)) assert.ok(name in customAttributes, name);
    await connection.close();
  } finally {
    await temporal.stop();
  }
});

test('a database file keeps workflows across restarts', async () => {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'server-'));
  const dbFile = path.join(folder, 'temporal.db');
  try {
    for (const round of ['first', 'second']) {
      const server = await startTemporalServer({ dbFile });
      const connection = await Connection.connect({ address: server.address });
      const client = new Client({ connection });
      if (round === 'first') await client.workflow.start('nothing', { taskQueue: 'none', workflowId: 'kept' });
      else assert.equal((await client.workflow.getHandle('kept').describe()).status.name, 'RUNNING');
      await connection.close();
      await server.stop();
      assert.ok(!(await stillRuns(server.child.identity)));
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

test('a server that cannot start says why', async () => {
  const taken = createServer((socket) => socket.destroy());
  await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
  const folder = await mkdtemp(path.join(os.tmpdir(), 'server-'));
  try {
    const { port } = taken.address() as { port: number };
    await assert.rejects(
      startTemporalServer({ port, logFile: path.join(folder, 'temporal.log') }),
      /can't set frontend port|address already in use|ended at once/,
    );
  } finally {
    taken.close();
    await rm(folder, { recursive: true, force: true });
  }
});

test('the server dies with the process that started it, of kill -9 even', async () => {
  const starter = `
    require(${JSON.stringify(require.resolve('../../dev/temporal-server/server'))}).startTemporalServer()
      .then((server) => { console.log(JSON.stringify(server.child.identity)); setInterval(() => {}, 1000); });`;
  const child = spawn(process.execPath, ['-e', starter], { stdio: ['ignore', 'pipe', 'inherit'] });
  const line = await new Promise<string>((resolve) =>
    child.stdout.once('data', (data: Buffer) => resolve(data.toString())),
  );
  const identity = JSON.parse(line) as ProcessIdentity;
  assert.ok(await stillRuns(identity));
  child.kill('SIGKILL');
  assert.ok(await untilTrue(async () => !(await stillRuns(identity)), 15_000), 'the server is gone');
});
