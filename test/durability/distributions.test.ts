import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { WorkflowFailedError } from '@temporalio/client';
import { rejectUpdate, type Release } from '../../contract';
import { ended, familyInCloud, release, untilRelease } from '../support/releases';
import { type Change, ReleasePlay } from './harness/release-play';
import { openReleaseSite, type ReleaseSite } from './harness/release-site';
import { completedActivities, twiceProblems } from './harness/repeated';
import { distributionChanges, type ReleaseChange, takingBackChanges } from './scenarios/release-calls';

const all = process.env.TEST_DURABILITY === 'all';
const moments = ['before', 'after'] as const;

describe('releases that go to another region and account, and are disturbed', { concurrency: 2 }, () => {
  let site: ReleaseSite;
  before(async () => {
    site = await openReleaseSite();
  });
  after(() => site.stop());

  async function playing<T>(
    form: NonNullable<Parameters<typeof ReleasePlay.open>[1]>,
    part: (play: ReleasePlay) => Promise<T>,
  ): Promise<T> {
    const play = await ReleasePlay.open(site, { distributed: true, ...form });
    try {
      return await part(play);
    } finally {
      await play.close();
    }
  }

  /** The worker dies while a change is asked for, before or after it is made, and another one takes over. */
  async function killed(play: ReleasePlay, change: Change, when: 'before' | 'after'): Promise<void> {
    const held = await play.hold(change, when);
    const first = await play.startWorker();
    await play.start();
    await held.met();
    await play.assertNeverWithout();
    await first.kill();
    await held.release();
    await play.startWorker();
  }

  const due = (changes: ReleaseChange[]) =>
    changes.flatMap(({ slice, ...change }) =>
      moments.filter((when) => all || slice === when).map((when) => ({ when, ...change })),
    );
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

  for (const { what, when, ...change } of due(distributionChanges)) {
    test(`the worker is killed right ${when} ${what} (${place(change)})`, () =>
      playing({}, async (play) => {
        await killed(play, change, when);
        await play.assertReleased();
      }));
  }

  for (const [index, { what, zombie, ...change }] of distributionChanges.entries()) {
    const previous = distributionChanges[index - 1];
    if (!previous || previous.there !== change.there || (!all && !zombie)) continue;
    test(`the worker stands still right before ${what} (${place(change)}), and wakes up when the release is over`, () =>
      playing({}, async (play) => {
        // The answer to the change before has not reached the worker: it will go on from there.
        const held = await play.hold(previous, 'after');
        const first = await play.startWorker({ polls: 1 });
        await play.start();
        await held.met();
        first.freeze();
        await held.release();
        await play.startWorker();
        const made = await play.assertReleased();
        first.wake();
        await first.drain();
        assert.deepEqual(await play.assertReleased(), made);
      }));
  }

  test('every activity twice: each answer is lost on its way to Temporal', () =>
    playing({}, async (play) => {
      const held = await play.hold({ action: 'CreateImage', nth: 1 }, 'after');
      const worker = await play.startWorker();
      for (const instanceId of ['', sourceOf(play), play.old[1]!]) worker.repeat(instanceId, 'all');
      await play.start();
      await held.met();
      // What brings the candidate elsewhere is of the candidate.
      const [candidate] = (await familyInCloud(site.cloud, play.pipeline.family, play.region)).of('candidate');
      worker.repeat(candidate!, 'all');
      await held.release();
      const made = await play.assertReleased();
      const family = `image-family/${made.accountId!}/${made.family}`;
      const done = await Promise.all(
        [play.handle.workflowId, family].map(async (workflowId) => {
          const { events } = await site.client.workflow.getHandle(workflowId).fetchHistory();
          return completedActivities(events ?? []);
        }),
      );
      assert.deepEqual(twiceProblems('all', done.flat()), []);
      const names = new Set(done.flat().map(({ type }) => type));
      for (const name of ['copyImage', 'followCopy', 'copySnapshots', 'shareImage', 'unshareImage', 'promoteImage']) {
        assert.ok(names.has(name), `${name} of ${[...names].join()}`);
      }
    }));

  /** Everything of the family in both regions is as this release says; what an earlier one left undecided is gone. */
  async function assertOut(play: ReleasePlay, { images }: Release): Promise<void> {
    assert.equal(images.length, 2);
    for (const { region, imageId } of images) {
      const now = await familyInCloud(site.cloud, play.pipeline.family, region);
      assert.deepEqual([now.of('current'), now.answers], [[imageId], [imageId]], region);
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
      await held.release();
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
      await held.release();
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

  for (const { what, when, ...change } of due(takingBackChanges)) {
    test(`a copy is taken back, and the worker is killed right ${when} ${what} (${place(change)})`, () =>
      partial((play) => killed(play, change, when)));
  }

  test('a copy is taken back, every undo twice', () =>
    partial(async (play) => {
      const held = await play.hold({ action: 'SyncImages', nth: 1 }, 'after');
      const worker = await play.startWorker();
      await play.start();
      await held.met();
      const [candidate] = (await familyInCloud(site.cloud, play.pipeline.family, play.region)).of('current');
      worker.repeat(candidate!, ['undoCopyImage', 'undoCopySnapshots']);
      await held.release();
      await ended(play.handle);
      const { events } = await play.handle.fetchHistory();
      const done = completedActivities(events ?? []);
      assert.deepEqual(twiceProblems(['undoCopyImage', 'undoCopySnapshots'], done), []);
    }));

  for (const when of moments) {
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
        await held.release();
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

  const sourceOf = ({ pipeline }: ReleasePlay) => (pipeline.source as { instanceId: string }).instanceId;
});
