import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { WorkflowFailedError } from '@temporalio/client';
import { rejectUpdate, type Release } from '../../contract';
import { ended, familyInCloud, release, untilRelease } from '../support/releases';
import { type Change, type Form, ReleasePlay } from './harness/release-play';
import { openReleaseSite, type ReleaseSite } from './harness/release-site';
import { twiceProblems } from './harness/repeated';
import { all, distributionChanges, killsAt, takingBackChanges } from './scenarios/release-calls';

describe('releases that go to another region and account, and are disturbed', { concurrency: 2 }, () => {
  let site: ReleaseSite;
  before(async () => {
    site = await openReleaseSite();
  });
  after(() => site.stop());

  const playing = <T>(form: Form, part: (play: ReleasePlay) => Promise<T>) =>
    ReleasePlay.playing(site, { distributed: true, ...form }, part);

  const place = ({ there, action }: Change) => `${action}${there ? ', there' : ''}`;

  test('undisturbed: these are all calls by which a distribution changes the cloud', () =>
    playing({}, async (play) => {
      await play.startWorker();
      await play.start();
      await play.assertReleased();
      const made = [...(await play.changes()), ...(await play.changes(play.there!.region))];
      const isPart = ({ action, there }: Change) => there === true || /^(Sync|Copy)|SharePermission$/.test(action);
      const plain = ({ action, nth, there }: Change) => `${place({ action, nth, ...(there ? { there } : {}) })} ${nth}`;
      assert.deepEqual(made.filter(isPart).map(plain).sort(), distributionChanges.map(plain).sort());
    }));

  for (const { what, when, ...change } of killsAt(distributionChanges)) {
    test(`the worker is killed right ${when} ${what} (${place(change)})`, () =>
      playing({}, async (play) => {
        await play.killedAt(change, when);
        await play.assertReleased();
      }));
  }

  for (const [index, { what, zombie, ...change }] of distributionChanges.entries()) {
    const previous = distributionChanges[index - 1];
    if (!previous || previous.there !== change.there || (!all && !zombie)) continue;
    test(`the worker stands still right before ${what} (${place(change)}), and wakes up when the release is over`, () =>
      playing({}, (play) => play.standsStillAfter(previous)));
  }

  test('every activity twice: each answer is lost on its way to Temporal', () =>
    playing({}, async (play) => {
      const held = await play.hold({ action: 'CreateImage', nth: 1 }, 'after');
      const worker = await play.startWorker();
      for (const instanceId of ['', play.sourceId, play.old[1]!]) worker.repeat(instanceId, 'all');
      await play.start();
      await held.met();
      // What brings the candidate elsewhere is of the candidate.
      const [candidate] = (await familyInCloud(site.cloud, play.pipeline.family, play.region)).of('candidate');
      worker.repeat(candidate!, 'all');
      held.release();
      const made = await play.assertReleased();
      const family = `image-family/${made.accountId!}/${made.family}`;
      const done = await play.completed(play.handle.workflowId, family);
      assert.deepEqual(twiceProblems('all', done), []);
      const names = new Set(done.map(({ type }) => type));
      for (const name of ['copyImage', 'followCopy', 'copySnapshots', 'shareImage', 'unshareImage', 'promoteImage']) {
        assert.ok(names.has(name), `${name} of ${[...names].join()}`);
      }
    }));

  /** Everything of the family in both regions is as this release says; what an earlier one left undecided is gone. */
  async function assertOut(play: ReleasePlay, { images }: Release): Promise<void> {
    assert.equal(images.length, 2);
    for (const { region, imageId } of images) {
      const now = await play.assertCurrent(imageId, region);
      assert.deepEqual([now.of('candidate'), now.of('rejected')], [[], []], region);
    }
  }

  // From here on a copy is known to be ours, whatever becomes of the run.
  const copied = { action: 'TagResources', nth: 1, there: true } as const;

  test('terminated while it is copied: nobody is without, and the next run brings its own everywhere', () =>
    playing({}, async (play) => {
      const held = await play.hold(copied, 'after');
      await play.startWorker();
      const handle = await play.start();
      await held.met();
      await handle.terminate('by hand');
      held.release();
      await assert.rejects(handle.result(), WorkflowFailedError);
      await play.sweep();
      await play.assertTidy();
      await play.assertNeverWithout();
      const next = await release({ client: site.client, taskQueue: play.taskQueue }, play.pipeline);
      assert.equal(next.outcome, 'released');
      await assertOut(play, next);
    }));

  test('reset to its begin while it is copied: it makes one more release, and the next run takes the first copy away', () =>
    playing({}, async (play) => {
      const held = await play.hold(copied, 'after');
      await play.startWorker();
      await play.start();
      await held.met();
      await play.resetToBegin();
      held.release();
      const made = await ended(play.handle);
      assert.equal(made.outcome, 'released', JSON.stringify(made.distribution));
      await play.assertTidy();
      await play.assertNeverWithout();
      await assertOut(play, await release({ client: site.client, taskQueue: play.taskQueue }, play.pipeline));
    }));

  /** The copy of a snapshot is refused for good: what was copied is taken back, and the release is out at home alone. */
  const partial = (part: (play: ReleasePlay) => Promise<void>) =>
    playing({}, async (play) => {
      await site.cloud.fault({
        action: 'CopySnapshotCrossRegions',
        region: play.region,
        kind: 'error',
        code: 'InvalidParameter',
        message: 'not from here',
        times: 1000,
      });
      await part(play);
      const made = await ended(play.handle);
      assert.equal(made.outcome, 'partial', made.reason);
      assert.match(made.reason ?? '', /not from here/);
      await play.assertAsBeforeThere();
      const now = await familyInCloud(site.cloud, play.pipeline.family, play.region);
      assert.deepEqual(now.of('current'), [made.images[0]!.imageId]);
      await play.assertTidy();
    });

  for (const { what, when, ...change } of killsAt(takingBackChanges)) {
    test(`a copy is taken back, and the worker is killed right ${when} ${what} (${place(change)})`, () =>
      partial((play) => play.killedAt(change, when)));
  }

  test('a copy is taken back, every undo twice', () =>
    partial(async (play) => {
      const held = await play.hold({ action: 'SyncImages', nth: 1 }, 'after');
      const worker = await play.startWorker();
      await play.start();
      await held.met();
      const [candidate] = (await familyInCloud(site.cloud, play.pipeline.family, play.region)).of('current');
      worker.repeat(candidate!, ['undoCopyImage', 'undoCopySnapshots']);
      held.release();
      await ended(play.handle);
      const done = await play.completed(play.handle.workflowId);
      assert.deepEqual(twiceProblems(['undoCopyImage', 'undoCopySnapshots'], done), []);
    }));

  for (const when of ['before', 'after'] as const) {
    if (!all && when === 'before') continue;
    test(`rejected, and the worker is killed right ${when} the image is marked so`, () =>
      playing({ approve: { deadline: 600 } }, async (play) => {
        const first = await play.startWorker();
        const handle = await play.start();
        await untilRelease(handle, ({ phase }) => phase === 'waiting');
        // Counted from now on.
        const held = await play.hold({ action: 'TagResources', nth: 1 }, when);
        await handle.executeUpdate(rejectUpdate, { args: [{ by: 'Ada', reason: 'not today' }] });
        await held.met();
        await first.kill();
        held.release();
        await play.startWorker();
        await assert.rejects(handle.result(), (error: WorkflowFailedError) => {
          assert.match(String(error.cause), /was rejected by Ada: not today/);
          return true;
        });
        await play.assertAsBefore();
        await play.assertTidy();
        const pipeline = { ...play.pipeline, approve: undefined };
        await assertOut(play, await release({ client: site.client, taskQueue: play.taskQueue }, pipeline));
      }));
  }
});
