import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { snapshotCopyName, tagKeys } from '../../contract';
import { type KillStand, startKillStand } from '../support/kill-stand';
import { ended, familyInCloud, pipelineOf, region, startRelease } from '../support/releases';
import { killProcess } from '../support/worker';

const shanghai = 'ap-shanghai';
const partner = '100000000002';

describe('SIGKILL of the worker, right after a change of a distribution', { concurrency: 1 }, () => {
  let stand: KillStand;
  before(async () => {
    stand = await startKillStand({ [region]: 100, [shanghai]: 100 });
  });
  after(() => stand.stop());

  for (const action of ['SyncImages', 'CopySnapshotCrossRegions', 'ModifyImageSharePermission'] as const) {
    test(`${action}: made once, and the release is everywhere`, async () => {
      const pipeline = await pipelineOf(stand, {
        distribute: { regions: [shanghai], accounts: [partner] },
        deadlines: { heartbeat: 2 },
      });
      const { family, source } = pipeline;
      const { instanceId } = source as { instanceId: string };
      const { cloud, client } = stand;
      const taskQueue = stand.newTaskQueue();
      const first = await stand.work(taskQueue);
      // Nobody else is at work in this simulator: a share needs no other mark.
      const marks = { SyncImages: family, CopySnapshotCrossRegions: `cib-${instanceId.slice(4)}` };
      const about = action === 'ModifyImageSharePermission' ? {} : { contains: marks[action] };
      const id = await cloud.fault({ action, ...about, kind: 'delay', when: 'after', milliseconds: 4000 });
      const handle = await startRelease({ client, taskQueue }, pipeline);
      await stand.untilMet(id, action);
      await killProcess(first);
      const second = await stand.work(taskQueue);
      const made = await ended(handle);
      await killProcess(second);
      assert.equal(made.outcome, 'released', JSON.stringify(made.distribution));
      const [home, copy] = made.images;
      assert.ok(home && copy);
      const there = await familyInCloud(cloud, family, shanghai);
      assert.deepEqual([there.of('current'), there.answers], [[copy.imageId], [copy.imageId]]);
      const state = await cloud.state(shanghai);
      // Marked or not: nothing was made twice.
      const copyName = snapshotCopyName(made.build!.buildId, home.snapshots[0]!.snapshotId);
      assert.equal(state.images.filter(({ name }) => name === home.name).length, 1);
      const copies = state.snapshots.filter(({ name, state: is }) => name === copyName && is !== 'TORECYCLE');
      assert.deepEqual(
        copies.map((one) => [one.id, one.tags[tagKeys.build]]),
        [[copy.snapshots[0]!.snapshotId, `test/${made.build!.buildId}`]],
      );
      assert.ok(made.distribution!.every(({ sharedWith }) => sharedWith[0] === partner));
    });
  }
});
