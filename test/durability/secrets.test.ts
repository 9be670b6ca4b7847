import { Client, Connection } from '@temporalio/client';
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import path from 'node:path';
import { test } from 'node:test';
import {
  type BuildResult,
  type BuildSpecInput,
  buildWorkflowId,
  buildWorkflowType,
  progressQuery,
} from '../../contract';
import { startSimulator } from '../../simulator';
import { testDurations } from '../support/build-stack';
import { SimulatorControl } from '../support/simulator';
import { startTestTemporal } from '../support/temporal';

const region = 'ap-guangzhou';

/**
 * A worker with a secret of its own, its logs at their most talkative; builds that end well, that fail, that meet network
 * errors and refused signatures. The secret must stand nowhere but in that worker's environment.
 */
test('no secret reaches a history, a heartbeat, a query, a log or an error', async () => {
  const secretId = `AKID${randomBytes(12).toString('hex')}`;
  const secretKey = `sk-${randomBytes(16).toString('hex')}`;
  const [temporal, simulator] = await Promise.all([
    startTestTemporal(),
    startSimulator({
      port: 0,
      speed: 600,
      rateScale: 0,
      durations: testDurations,
      seed: { accounts: [{ uin: '100000000001', keys: [{ secretId, secretKey }] }] },
    }),
  ]);
  const cloud = new SimulatorControl(simulator.url);
  const { address, namespace } = temporal;
  const queue = 'secrets';
  const script = path.resolve(__dirname, '../support/worker-process.js');
  const worker = spawn(process.execPath, [script, address, namespace, queue, simulator.url], {
    env: {
      ...process.env,
      TENCENTCLOUD_SECRET_ID: secretId,
      TENCENTCLOUD_SECRET_KEY: secretKey,
      TEST_LOG_LEVEL: 'DEBUG',
    },
  });
  let logs = '';
  for (const stream of [worker.stdout, worker.stderr]) stream.on('data', (chunk: Buffer) => (logs += chunk.toString()));
  await once(worker.stdout, 'data');
  const connection = await Connection.connect({ address });
  const client = new Client({ connection, namespace });
  try {
    const told: unknown[] = [];
    const build = async (key: string, more: Partial<BuildSpecInput> = {}) => {
      const instanceId = `ins-${key}`;
      await cloud.seed({ instances: [{ region, id: instanceId, dataDisks: 1 }] });
      const handle = await client.workflow.start<(spec: BuildSpecInput) => Promise<BuildResult>>(buildWorkflowType, {
        workflowId: buildWorkflowId(region, instanceId),
        taskQueue: queue,
        args: [{ region, instanceId, image: { name: `s-${key}` }, launch: { zone: 'ap-guangzhou-3' }, ...more }],
      });
      told.push(await handle.result().catch((error: unknown) => String((error as Error).cause)));
      told.push(await handle.fetchHistory(), await handle.query(progressQuery), (await handle.describe()).raw);
    };
    const faults = await Promise.all([
      cloud.fault({ action: 'CreateImage', contains: 's-failure1', kind: 'image-fails' }),
      cloud.fault({ action: 'StopInstances', contains: 'network1', kind: 'answer-lost' }),
      cloud.fault({ action: 'CreateSnapshot', contains: 'network1', kind: 'http-502', when: 'before' }),
      cloud.fault({
        action: 'RunInstances',
        contains: 'network1',
        kind: 'error',
        when: 'before',
        code: 'AuthFailure.SignatureFailure',
        message: `The provided credentials could not be validated: ${secretKey}.`,
      }),
    ]);
    await Promise.all([build('goodone1'), build('failure1'), build('network1'), build('refused1', { sysprep: true })]);

    const fired = new Set((await cloud.calls()).flatMap((call) => call.faults));
    for (const fault of faults) assert.ok(fired.has(fault), `fault ${fault} fired`);
    const everything = JSON.stringify(told, bytesAsText);
    assert.ok(
      everything.includes('cvm-image-builder') || everything.includes('inspectSource'),
      'there is something to read',
    );
    assert.ok(logs.includes('ins-goodone1'), 'the worker logs');
    for (const secret of [secretKey, secretId]) {
      assert.ok(!everything.includes(secret), 'the secret stands in what Temporal knows');
      assert.ok(!logs.includes(secret), 'the secret stands in the logs');
    }
  } finally {
    worker.kill('SIGKILL');
    await connection.close();
    await simulator.close();
    await temporal.stop();
  }
});

/** Payloads are bytes: written as text, so that a secret in them would be found. */
function bytesAsText(_key: string, value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('utf8');
  if (typeof value === 'object' && value !== null && (value as { type?: unknown }).type === 'Buffer') {
    return Buffer.from((value as { data: number[] }).data).toString('utf8');
  }
  return typeof value === 'bigint' ? value.toString() : value;
}
