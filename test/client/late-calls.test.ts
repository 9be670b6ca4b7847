import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connect } from '../../client';
import { isPassing } from '../../client/rpc-failure';
import { startTestTemporal } from '../support/temporal';

/** What a call throws that nobody awaits ends the process: here it would fail the test. */
test('a call that waits to be tried again when the connection is closed fails, and ends nothing else', async () => {
  const temporal = await startTestTemporal();
  const { client, close } = await connect(temporal);
  const describe = () => client.workflow.getHandle('nothing').describe();
  await temporal.stop();
  const waiting = Promise.allSettled(Array.from({ length: 20 }, describe));
  // Refused long before this one is late: the others wait for their next try.
  await assert.rejects(client.withDeadline(Date.now() + 300, describe), isPassing);
  await close();
  for (const call of await waiting) {
    assert.equal(call.status, 'rejected');
    assert.ok(isPassing(call.reason), String(call.reason));
  }
});
