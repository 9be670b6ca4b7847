import { ApplicationFailure } from '@temporalio/common';
import { Worker } from '@temporalio/worker';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type BuildActivities, buildWorkflowId } from '../../contract';
import { bundlePath } from '../support/bare-worker';
import { startTimeSkipping } from '../support/time-skipping';

/**
 * On the time-skipping server, since it takes twenty minutes: a cloud that will not start the source does not keep the
 * rest from being undone. The activities are stand-ins, because what is proven is the order that the workflow keeps.
 */
test('undoing lets the source go first, but not for ever', async () => {
  const environment = await startTimeSkipping();
  try {
    const order: string[] = [];
    let refusals = 0;
    const activities: Partial<Record<keyof BuildActivities, (input: unknown) => Promise<unknown>>> = {
      inspectSource: () =>
        Promise.resolve({
          instanceId: 'ins-patience',
          wasRunning: true,
          systemDisk: { diskId: 'disk-system01', usage: 'SYSTEM_DISK', size: 50, type: 'CLOUD_PREMIUM' },
          dataDisks: [{ diskId: 'disk-data0001', usage: 'DATA_DISK', size: 50, type: 'CLOUD_PREMIUM' }],
        }),
      checkQuota: () => Promise.resolve({ images: { used: 0, total: 10 } }),
      shutdownInstance: () => Promise.resolve({ stoppedAt: '2026-01-01T00:00:00Z' }),
      snapshotDisks: () =>
        Promise.resolve({
          snapshots: [{ snapshotId: 'snap-00000001', diskId: 'disk-data0001', usage: 'DATA_DISK', size: 50 }],
        }),
      createImage: () =>
        Promise.reject(
          ApplicationFailure.create({ type: 'ImageQuotaLimitExceeded', nonRetryable: true, message: 'full' }),
        ),
      restoreInstance: () => {
        refusals += 1;
        // Forty refusals, half a minute apart: longer than the rest is willing to wait.
        if (refusals <= 40) {
          return Promise.reject(ApplicationFailure.create({ message: 'busy', nextRetryDelay: '30 seconds' }));
        }
        order.push('restoreInstance');
        return Promise.resolve({ outcome: 'running', runningAt: '2026-01-01T01:00:00Z' });
      },
      undoCreateImage: () => {
        order.push(`undoCreateImage after ${refusals} refusals`);
        return Promise.resolve({ resources: [] });
      },
      undoSnapshotDisks: () => {
        order.push('undoSnapshotDisks');
        return Promise.resolve({ resources: [{ type: 'snapshot', id: 'snap-00000001', fate: 'deleted' }] });
      },
    };
    const worker = await Worker.create({
      connection: environment.nativeConnection,
      taskQueue: 'patience',
      workflowBundle: { codePath: bundlePath },
      activities,
    });
    const spec = { region: 'ap-guangzhou', instanceId: 'ins-patience', image: { name: 'patience' } };
    await worker.runUntil(
      assert.rejects(
        environment.client.workflow.execute('buildImage', {
          workflowId: buildWorkflowId(spec.region, spec.instanceId),
          taskQueue: 'patience',
          args: [spec],
        }),
      ),
    );
    const waited = Number(/after (\d+) refusals/.exec(order[0] ?? '')?.[1]);
    assert.ok(waited >= 28 && waited <= 32, `the rest began after 15 minutes: ${order.join(', ')}`);
    assert.deepEqual(order.slice(1), ['undoSnapshotDisks', 'restoreInstance']);
  } finally {
    await environment.teardown();
  }
});
