import { ApplicationFailure } from '@temporalio/common';
import { TestWorkflowEnvironment } from '@temporalio/testing';
import { Worker } from '@temporalio/worker';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type ReleaseActivities,
  type FamilyImage,
  type FamilyInput,
  type FamilyPlace,
  familyQuery,
  familyWorkflowId,
  familyWorkflowType,
  searchAttributes,
} from '../../contract';
import { bundlePath, quietLogs } from '../support/build-stack';
import { until } from '../support/judge';

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
test('a family sees to it hour by hour: what still answers, and what could not be deleted', async () => {
  quietLogs();
  const environment = await TestWorkflowEnvironment.createTimeSkipping({
    server: { executable: { type: 'existing-path', path: process.env.TEMPORAL_TEST_SERVER_PATH! } },
  });
  try {
    await environment.connection.operatorService.addSearchAttributes({
      namespace: environment.namespace ?? 'default',
      // 2: INDEXED_VALUE_TYPE_KEYWORD
      searchAttributes: Object.fromEntries(Object.keys(searchAttributes).map((name) => [name, 2])),
    });
    const copyLooks: number[] = [];
    const deletionLooks: number[] = [];
    const silenced: string[] = [];
    const now = () => environment.currentTimeMs();
    const activities: Partial<ReleaseActivities> = {
      awaitCopied: async () => {
        copyLooks.push(await now());
        if (copyLooks.length < 3) {
          throw ApplicationFailure.create({ type: 'UnauthorizedOperation', nonRetryable: true, message: 'not now' });
        }
        return undefined;
      },
      listFamily: () =>
        Promise.resolve({ accountId, images: [image('img-current1', 'current'), image('img-copying1', 'released')] }),
      inspectPromotion: () => Promise.resolve({ current: 'img-current1', others: [], shares: {} }),
      demoteImages: ({ images }) => {
        silenced.push(...images.map(({ imageId }) => imageId));
        return Promise.resolve({ notes: [] });
      },
      inspectRetirement: async () => {
        deletionLooks.push(await now());
        // In use at first; then somebody has deleted it by hand.
        const stays = { image: image('img-rejected', 'rejected'), goes: false, reason: 'in use' };
        return { fates: deletionLooks.length < 2 ? [stays] : [] };
      },
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
      const looked = (copies: number, deletions: number) =>
        until(() =>
          Promise.resolve(copyLooks.length >= copies && deletionLooks.length >= deletions ? true : undefined),
        );
      await looked(1, 1);
      const tried = await until(async () => {
        const { trailing, doomed } = await handle.query(familyQuery);
        return trailing?.[0]?.tries === 1 && doomed[0]?.tries === 1 ? { trailing, doomed } : undefined;
      });
      assert.deepEqual(tried.trailing[0]!.imageIds, ['img-copying1']);
      for (const copies of [2, 3]) {
        await environment.sleep(hour + 1000);
        await looked(copies, 2);
      }
      await until(async () => {
        const { trailing, doomed } = await handle.query(familyQuery);
        return trailing?.length === 0 && doomed.length === 0 ? true : undefined;
      });
      assert.deepEqual([copyLooks.length, deletionLooks.length], [3, 2]);
      for (const looks of [copyLooks, deletionLooks]) {
        for (const [index, at] of looks.slice(1).entries()) {
          assert.ok(at - looks[index]! >= hour, `an hour lies between two looks: ${looks.join(', ')}`);
        }
      }
      assert.deepEqual(silenced, ['img-copying1']);
      await Worker.runReplayHistory(
        { workflowBundle: { codePath: bundlePath } },
        await handle.fetchHistory(),
        workflowId,
      );
      await handle.terminate('the test is over');
    });
  } finally {
    await environment.teardown();
  }
});
