import { WithStartWorkflowOperation } from '@temporalio/client';
import { Worker } from '@temporalio/worker';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type QuotaActivities,
  quotaWorkflowId,
  quotaWorkflowType,
  reserveUpdate,
  type RoomAnswer,
  type RoomRequest,
} from '../../contract';
import { bundlePath } from '../support/bare-worker';
import { until } from '../support/judge';
import { assertReplays } from '../support/replays';
import { startTimeSkipping } from '../support/time-skipping';

const accountId = '100000000001';
const region = 'ap-guangzhou';

const request = (buildId: string, taskQueue: string, since: string): RoomRequest => ({
  owner: `test/${buildId}`,
  buildId,
  since,
  taskQueue,
  heartbeat: 20,
  whenFull: 'wait',
  refusals: 0,
});

/** On the time-skipping server, since a worker counts as away only after a minute. What the look finds is a stand-in; who takes it is not. */
test('who asks first and has no worker keeps nobody waiting: the worker of the next one looks, for both', async () => {
  const environment = await startTimeSkipping();
  try {
    const activities: Partial<QuotaActivities> = {
      inspectRoom: () => Promise.resolve({ used: 0, total: 10, withImage: [], over: [], retirable: [] }),
    };
    const living = await Worker.create({
      connection: environment.nativeConnection,
      taskQueue: 'living',
      workflowBundle: { codePath: bundlePath },
      activities,
    });
    await living.runUntil(async () => {
      const workflowId = quotaWorkflowId(accountId, region);
      const ask = async (one: RoomRequest): Promise<RoomAnswer> => {
        const startWorkflowOperation = new WithStartWorkflowOperation(quotaWorkflowType, {
          workflowId,
          taskQueue: 'living',
          args: [{ accountId, region }],
          workflowIdConflictPolicy: 'USE_EXISTING',
        });
        const asked = await environment.client.workflow.startUpdateWithStart(reserveUpdate, {
          startWorkflowOperation,
          args: [one],
          waitForStage: 'ACCEPTED',
        });
        return asked.result();
      };
      const handle = environment.client.workflow.getHandle(workflowId);
      const first = ask(request('away0000-000000000001', 'away', '2026-01-01T00:00:00.000Z'));
      const looked = async () => {
        const { raw } = await handle.describe().catch(() => ({ raw: undefined }));
        return raw?.pendingActivities?.length === 1 ? true : undefined;
      };
      await until(looked);
      const second = ask(request('here0000-000000000001', 'living', '2026-01-01T00:00:01.000Z'));
      await environment.sleep('61s');
      assert.deepEqual(
        (await Promise.all([first, second])).map(({ is }) => is),
        ['granted', 'granted'],
      );
      await assertReplays(handle);
      await handle.terminate('the test is over');
    });
  } finally {
    await environment.teardown();
  }
});
