import { ApplicationFailure } from '@temporalio/common';
import { Worker } from '@temporalio/worker';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type DeletionPlan,
  type FamilyImage,
  type FamilyInput,
  type FamilyPlace,
  familyMemo,
  familyQuery,
  type FamilyState,
  familyWorkflowId,
  familyWorkflowType,
  type ImageActivities,
  type ReleaseActivities,
  retireUpdate,
} from '../../contract';
import { bundlePath } from '../support/bare-worker';
import { until } from '../support/judge';
import { assertReplays } from '../support/replays';
import { startTimeSkipping } from '../support/time-skipping';

const accountId = '100000000001';
const family = 'patient';
const place: FamilyPlace = { region: 'ap-guangzhou', heartbeat: 20 };
const hour = 3600_000;

const image = (imageId: string, state: FamilyImage['state']): FamilyImage => ({
  family,
  imageId,
  name: `${imageId} by name`,
  imageState: 'NORMAL',
  buildId: 'ins-patience-000000000001',
  release: 'release-000000000001',
  nominalAt: '2026-01-01T00:00:00.000Z',
  state,
  since: '2026-01-01T00:00:00.000Z',
  answers: true,
});

/**
 * On the time-skipping server, since it takes hours: what a family could not see to at once, it sees to later. The activities are stand-ins,
 * because what is proven is when the workflow has them tried again, and that it remembers what is left to do.
 */
test('a family sees to it hour by hour: what still answers, and images and snapshots that could not be deleted', async () => {
  const environment = await startTimeSkipping();
  try {
    const copyLooks: number[] = [];
    const deletionLooks: number[] = [];
    const snapshotLooks: number[] = [];
    const silenced: string[] = [];
    const now = () => environment.currentTimeMs();
    const refused = (type: string) => ApplicationFailure.create({ type, nonRetryable: true, message: 'not now' });
    const activities: Partial<ReleaseActivities & ImageActivities> = {
      awaitCopied: async () => {
        copyLooks.push(await now());
        if (copyLooks.length < 3) throw refused('UnauthorizedOperation');
        return undefined;
      },
      listFamily: () =>
        Promise.resolve({ accountId, images: [image('img-current1', 'current'), image('img-copying1', 'released')] }),
      inspectPromotion: () => Promise.resolve({ current: 'img-current1', others: [], shares: {} }),
      demoteImages: ({ images }) => {
        silenced.push(...images.map(({ imageId }) => imageId));
        return Promise.resolve({ notes: [] });
      },
      inspectRetirement: async ({ only }) => {
        if (only !== 'img-rejected')
          return { fates: [{ image: image('img-old00001', 'released'), goes: true, reason: 'old' }] };
        deletionLooks.push(await now());
        // In use at first; then somebody has deleted it by hand.
        const stays = { image: image('img-rejected', 'rejected'), goes: false, reason: 'in use' };
        return { fates: deletionLooks.length < 2 ? [stays] : [] };
      },
      unshareImage: () => Promise.resolve({ accounts: [] }),
      inspectDeletion: ({ imageId }) =>
        Promise.resolve<DeletionPlan>({ imageId, name: 'old', owner: '', snapshotIds: ['snap-old00001'], stays: [] }),
      deleteImage: () => Promise.resolve(undefined),
      deleteSnapshots: async ({ snapshotIds }) => {
        assert.deepEqual(snapshotIds, ['snap-old00001']);
        snapshotLooks.push(await now());
        if (snapshotLooks.length < 3) throw refused('DeadlineExceeded');
        return { resources: [] };
      },
      // The image is gone.
      describeImage: () => Promise.reject(refused('ImageNotFound')),
    };
    const taskQueue = 'family-patience';
    const worker = await Worker.create({
      connection: environment.nativeConnection,
      taskQueue,
      workflowBundle: { codePath: bundlePath },
      activities,
    });
    const input: FamilyInput = {
      accountId,
      family,
      trailing: [{ place, imageIds: ['img-copying1'] }],
      doomed: [{ place, imageId: 'img-rejected', name: 'rejected by name', at: '2026-01-01T00:00:00.000Z' }],
    };
    await worker.runUntil(async () => {
      const workflowId = familyWorkflowId(accountId, family);
      const handle = await environment.client.workflow.start(familyWorkflowType, {
        workflowId,
        taskQueue,
        args: [input],
      });
      const looked = (copies: number, deletions: number, snapshots: number) =>
        until(() => {
          const enough =
            copyLooks.length >= copies && deletionLooks.length >= deletions && snapshotLooks.length >= snapshots;
          return Promise.resolve(enough ? true : undefined);
        });
      await looked(1, 1, 0);
      const tried = await until(async () => {
        const { trailing, doomed } = await handle.query(familyQuery);
        return trailing?.[0]?.tries === 1 && doomed[0]?.tries === 1 ? { trailing, doomed } : undefined;
      });
      assert.deepEqual(tried.trailing[0]!.imageIds, ['img-copying1']);
      const rules = { youngerThan: 0, keepRejected: 0, now: new Date(await now()).toISOString(), dryRun: false };
      const [retired] = await handle.executeUpdate(retireUpdate, { args: [{ place, ...rules }] });
      assert.deepEqual(
        [retired!.imageId, retired!.outcome, retired!.problem, retired!.snapshotIds],
        ['img-old00001', 'deleted', undefined, ['snap-old00001']],
      );
      assert.match(retired!.reason, /^old; its snapshots \(snap-old00001\) are still to go, .*: not now$/);
      // Whoever takes over knows it as well.
      const { memo } = await handle.describe();
      const [orphaned] = (memo![familyMemo] as FamilyState).orphaned!;
      assert.deepEqual(orphaned, {
        place,
        imageId: 'img-old00001',
        snapshotIds: ['snap-old00001'],
        tries: 1,
        problem: 'not now',
      });
      for (const copies of [2, 3]) {
        await environment.sleep(hour + 1000);
        await looked(copies, 2, copies);
      }
      await until(async () => {
        const { trailing, doomed, orphaned } = await handle.query(familyQuery);
        return trailing?.length === 0 && doomed.length === 0 && orphaned?.length === 0 ? true : undefined;
      });
      assert.deepEqual([copyLooks.length, deletionLooks.length, snapshotLooks.length], [3, 2, 3]);
      for (const looks of [copyLooks, deletionLooks, snapshotLooks]) {
        for (const [index, at] of looks.slice(1).entries()) {
          assert.ok(at - looks[index]! >= hour, `an hour lies between two looks: ${looks.join(', ')}`);
        }
      }
      assert.deepEqual(silenced, ['img-copying1']);
      await assertReplays(handle);
      await handle.terminate('the test is over');
    });
  } finally {
    await environment.teardown();
  }
});
