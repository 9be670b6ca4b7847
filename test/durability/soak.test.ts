import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { test } from 'node:test';
import { planSoak } from './soak/plan';
import { soak } from './soak/run';
import { isGood, soakTable } from './soak/table';

const builds = 24;
const minutes = 2;

test('a soak of two minutes leaves nothing, makes nothing twice, and restores every source', async (t) => {
  const seed = randomInt(1_000_000);
  t.diagnostic(`npm run test:soak -- --builds ${builds} --minutes ${minutes} --seed ${seed}`);
  const report = await soak(planSoak(seed, builds, minutes), 2, () => undefined);
  t.diagnostic(soakTable(report));
  assert.ok(isGood(report), `seed ${seed}\n${soakTable(report)}`);
  assert.equal(report.builds, builds);
  assert.ok(report.kills.workers > 2 && report.kills.servers > 0, 'workers and the server were killed');
  assert.ok(Object.keys(report.faults).length > 3, 'faults fired');
  assert.ok(report.recoveries.recovered > 0, 'interrupted activities were tried again');
});

test('the same seed makes the same plan, and another one another', () => {
  assert.deepEqual(planSoak(7, 300, 10), planSoak(7, 300, 10));
  assert.notDeepEqual(planSoak(7, 300, 10), planSoak(8, 300, 10));
});
