import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Connection } from '@temporalio/client';
import { searchAttributes } from '../../contract';
import { freePorts } from '../../dev/ports';
import { startTemporalServer, type TemporalServer } from '../../dev/temporal-server/server';
import { type Simulator, startSimulator } from '../../simulator';
import { Program } from '../support/program';

void describe('the worker as a process', () => {
  let temporal: TemporalServer;
  let simulator: Simulator;
  let env: NodeJS.ProcessEnv;

  before(async () => {
    [temporal, simulator] = await Promise.all([startTemporalServer({ searchAttributes: {} }), startSimulator()]);
    env = {
      ...process.env,
      HOME: '/nonexistent',
      TEMPORAL_ADDRESS: temporal.address,
      TENCENTCLOUD_ENDPOINT: simulator.url,
      TENCENTCLOUD_SECRET_ID: 'AKIDsimulator',
      TENCENTCLOUD_SECRET_KEY: 'simulator',
    };
  });
  after(() => Promise.all([temporal.stop(), simulator.close()]));

  /** Runs a worker that cannot start; answers what it said. */
  async function refused(exitCode: number, change: NodeJS.ProcessEnv): Promise<string> {
    const worker = new Program('worker/main.js', [], { ...env, ...change });
    try {
      assert.equal(await worker.ended, exitCode, worker.output);
      assert.doesNotMatch(worker.output, /^\s+at /m, 'no stack trace');
      return worker.output;
    } finally {
      await worker.end();
    }
  }

  test('registers the search attributes that are missing, polls, and stops when asked', async () => {
    const worker = new Program('worker/main.js', [], env);
    try {
      await worker.says('"message":"worker is ready"');
      const connection = await Connection.connect({ address: temporal.address });
      const { customAttributes } = await connection.operatorService.listSearchAttributes({ namespace: 'default' });
      for (const name of Object.keys(searchAttributes)) assert.ok(name in customAttributes, name);
      await connection.close();
      worker.signal('SIGTERM');
      assert.equal(await worker.ended, 0);
      assert.match(worker.output, /"message":"worker has stopped"/);
      assert.doesNotMatch(worker.output, /SECRET/);
    } finally {
      await worker.end();
    }
  });

  test('refuses search attributes of another type', async () => {
    const other = await startTemporalServer({ searchAttributes: { BuildId: 'Int' } });
    try {
      const said = await refused(1, { TEMPORAL_ADDRESS: other.address });
      assert.match(said, /Search attribute BuildId of namespace default is not of type Keyword/);
    } finally {
      await other.stop();
    }
  });

  test('says which variable to look at when the credentials are wrong', async () => {
    assert.match(await refused(1, { TENCENTCLOUD_SECRET_KEY: 'wrong' }), /TENCENTCLOUD_SECRET_KEY/);
    assert.match(await refused(1, { TENCENTCLOUD_SECRET_ID: 'AKIDnobody' }), /TENCENTCLOUD_SECRET_ID/);
  });

  test('says which variables to look at when there are no credentials', async () => {
    const none = { TENCENTCLOUD_SECRET_ID: undefined, TENCENTCLOUD_SECRET_KEY: undefined };
    assert.match(await refused(1, none), /TENCENTCLOUD_SECRET_ID and TENCENTCLOUD_SECRET_KEY/);
  });

  test('says where to look when the cloud or Temporal is not there', async () => {
    const [nobody] = await freePorts(1);
    const noCloud = await refused(1, { TENCENTCLOUD_ENDPOINT: `http://127.0.0.1:${nobody!}` });
    assert.match(noCloud, /TENCENTCLOUD_ENDPOINT/);
    const noTemporal = await refused(3, { TEMPORAL_ADDRESS: `127.0.0.1:${nobody!}` });
    assert.match(
      noTemporal,
      /Temporal cannot be reached at 127\.0\.0\.1:\d+: Connection refused\nLook at TEMPORAL_ADDRESS/,
    );
  });

  test('says so when the namespace does not exist', async () => {
    const said = await refused(3, { TEMPORAL_NAMESPACE: 'nonesuch' });
    assert.match(said, /has no namespace nonesuch.*TEMPORAL_NAMESPACE/);
  });

  test('a wrong setting is told before anything is connected', async () => {
    assert.match(await refused(2, { CVM_IMAGE_BUDGET_SHARE: 'half' }), /CVM_IMAGE_BUDGET_SHARE="half"/);
  });
});
