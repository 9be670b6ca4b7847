import type { Client } from '@temporalio/client';
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { launchIdOf, tagKeys } from '../../contract';
import { leftOf, region, resourcesOfLaunch, seedImage, startDeletion, startLaunch } from '../support/images';
import { type KillStand, startKillStand } from '../support/kill-stand';
import { killProcess } from '../support/worker';

describe('SIGKILL of the worker, right after a change of a launch or a deletion', { concurrency: 3 }, () => {
  let stand: KillStand;
  before(async () => {
    stand = await startKillStand({ [region]: 100 });
  });
  after(() => stand.stop());

  /** Runs what `start` starts; its worker dies after the change and before it knows of it, and another takes over. */
  async function killed<T extends { result(): Promise<unknown> }>(
    fault: { action: string; contains: string; nth?: number },
    start: (place: { client: Client; taskQueue: string }) => Promise<T>,
  ): Promise<T> {
    const { cloud, client } = stand;
    const taskQueue = stand.newTaskQueue();
    const id = await cloud.fault({ ...fault, kind: 'delay', when: 'after', milliseconds: 4000 });
    const first = await stand.work(taskQueue);
    const handle = await start({ client, taskQueue });
    await stand.untilMet(id, fault.action);
    await killProcess(first);
    const second = await stand.work(taskQueue);
    await handle.result();
    await killProcess(second);
    return handle;
  }

  test('RunInstances: one instance, kept', async () => {
    const { imageId } = await seedImage(stand.cloud);
    // The second call: the first one is the trial.
    const handle = await killed({ action: 'RunInstances', contains: imageId, nth: 2 }, (place) =>
      startLaunch(place, { image: imageId, build: 'own', deadlines: { heartbeat: 2 } }),
    );
    const { instances, disks } = await resourcesOfLaunch(stand, launchIdOf(handle.firstExecutionRunId));
    assert.equal(instances.length, 1);
    for (const one of [...instances, ...disks]) assert.equal(one.tags[tagKeys.state], 'kept');
  });

  for (const action of ['DeleteImages', 'DeleteSnapshots'] as const) {
    test(`${action}: all of it is gone`, async () => {
      const image = await seedImage(stand.cloud);
      const contains = action === 'DeleteImages' ? image.imageId : image.dataId;
      await killed({ action, contains }, (place) =>
        startDeletion(place, { imageId: image.imageId, deadlines: { heartbeat: 2 } }),
      );
      assert.deepEqual(await leftOf(stand.cloud, image), []);
    });
  }
});
