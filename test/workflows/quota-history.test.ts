import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { type BuildStack, startBuildStack } from '../support/build-stack';
import { until } from '../support/judge';
import {
  assertNeverRefused,
  fill,
  placeOf,
  quotaNow,
  quotaOf,
  someoneDeletes,
  startInTurn,
  untilAt,
} from '../support/quota';

// On a server that thinks little of long histories.
describe('the history of a quota', () => {
  let stack: BuildStack;
  before(async () => {
    stack = await startBuildStack({ dynamicConfig: ['limit.historyCount.suggestContinueAsNew=60'] });
  });
  after(() => stack.stop());

  test('continues as new when it grows: who has a slot keeps it, who waits keeps the place', async () => {
    const region = 'ap-tokyo';
    await stack.cloud.seed({ imageQuota: { [region]: 2 } });
    const [other] = await fill(stack.cloud, region, ['somebody-elses']);
    const { met, release } = await stack.cloud.stall('StopInstances', 'ins-');
    const holder = await startInTurn(stack, region);
    await until(async () => ((await met()) ? true : undefined));
    const { runId } = await quotaOf(stack, region).describe();
    const first = await startInTurn(stack, region);
    const second = await startInTurn(stack, region);
    // Whoever asks makes the history longer.
    for (let asked = 0; (await quotaOf(stack, region).describe()).runId === runId; asked += 1) {
      assert.ok(asked < 20, 'it has continued as new by now');
      await startInTurn(stack, region, { room: { whenFull: 'fail' } });
    }
    const before = await stack.client.workflow.getHandle(quotaOf(stack, region).workflowId, runId).describe();
    assert.equal(before.status.name, 'CONTINUED_AS_NEW');
    assert.deepEqual(await Promise.all([first, second].map(placeOf)), [1, 2]);
    const { leases, queue } = await quotaNow(stack, region);
    assert.deepEqual([leases.length, queue.length], [1, 2]);
    await someoneDeletes(stack.cloud, other!);
    await untilAt(second, 1);
    await release();
    await Promise.all([holder, first].map(({ handle }) => handle.result()));
    await stack.cloud.seed({ imageQuota: { [region]: 3 } });
    await second.handle.result();
    await assertNeverRefused(stack.cloud, region);
  });
});
