import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { recover, recoveryTarget } from '../../bench/recovery';

/** What the target leaves beside the heartbeat timeout that ships. */
const margin = recoveryTarget - 20;

describe('after kill -9 of a worker another one goes on', { concurrency: true }, () => {
  test('within 25 s, with the settings that ship', async () => {
    const { recoveries } = await recover();
    assert.ok(recoveries[0]! <= recoveryTarget, `the next attempt began after ${recoveries.join()} s`);
  });

  test('as soon when it is the sixth that dies of the same activity', async () => {
    const heartbeat = 3;
    const { recoveries } = await recover({ deaths: 6, heartbeat });
    assert.equal(recoveries.length, 6);
    for (const seconds of recoveries) {
      assert.ok(seconds <= heartbeat + margin, `the next attempts began after ${recoveries.join()} s`);
    }
  });
});
