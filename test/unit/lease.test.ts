import type { Context } from '@temporalio/activity';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { defaultDataConverter } from '@temporalio/common';
import { longestLeaseSeconds, ServerLease } from '../../activities/engine/lease';

for (const [heartbeatTimeoutMs, lasts] of [
  [3000, 0.75],
  [20_000, 5],
  [3_600_000, longestLeaseSeconds],
] as const) {
  test(`with a heartbeat timeout of ${heartbeatTimeoutMs / 1000} s, the server's answer counts for ${lasts} s`, async (t) => {
    t.mock.timers.enable({ apis: ['Date'], now: Date.now() });
    let asked = 0;
    const context = {
      info: { heartbeatTimeoutMs, taskToken: new Uint8Array() },
      cancellationSignal: new AbortController().signal,
      client: {
        options: {
          loadedDataConverter: { ...defaultDataConverter, payloadCodecs: [] },
          namespace: 'test',
          identity: 'test',
        },
        withDeadline: (_deadline: number, work: () => Promise<unknown>) => work(),
        workflowService: { recordActivityTaskHeartbeat: () => Promise.resolve({ asked: (asked += 1) }) },
      },
    } as unknown as Context;
    const lease = new ServerLease(context);
    await lease.confirm({});
    t.mock.timers.tick(lasts * 1000 - 100);
    await lease.confirm({});
    assert.equal(asked, 1);
    t.mock.timers.tick(200);
    await lease.confirm({});
    assert.equal(asked, 2);
  });
}
