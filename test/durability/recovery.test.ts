import assert from 'node:assert/strict';
import { test } from 'node:test';
import { recover, recoveryTarget } from '../../bench/recovery';

test('after kill -9 of a worker another one goes on within 25 s, with the settings that ship', async () => {
  const { recovery } = await recover();
  assert.ok(recovery <= recoveryTarget, `the next attempt began after ${recovery.toFixed(1)} s`);
});
