import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { WorkflowFailedError } from '@temporalio/client';
import { type Change, ReleasePlay } from './harness/release-play';
import { completedActivities, twiceProblems } from './harness/repeated';
import { openReleaseSite, type ReleaseSite } from './harness/release-site';
import { releaseChanges } from './scenarios/release-calls';
import { ended, familyInCloud, release } from '../support/releases';
import { until } from '../support/judge';

const all = process.env.TEST_DURABILITY === 'all';

describe('releases that are disturbed', { concurrency: 2 }, () => {
  let site: ReleaseSite;
  before(async () => {
    site = await openReleaseSite();
  });
  after(() => site.stop());

  /** Plays a release, and leaves nothing running. */
  async function playing<T>(
    form: NonNullable<Parameters<typeof ReleasePlay.open>[1]>,
    part: (play: ReleasePlay) => Promise<T>,
  ): Promise<T> {
    const play = await ReleasePlay.open(site, form);
    try {
      return await part(play);
    } finally {
      await play.close();
    }
  }

  /** The worker dies while a change is asked for, before or after it is made, and another one takes over. */
  const killed = (change: Change, when: 'before' | 'after') =>
    playing({}, async (play) => {
      const held = await play.hold(change, when);
      const first = await play.startWorker();
      await play.start();
      await held.met();
      await play.assertNeverWithout();
      await first.kill();
      await held.release();
      await play.startWorker();
      await play.assertReleased();
    });

  test('undisturbed: these are all calls by which a release changes the cloud', () =>
    playing({}, async (play) => {
      await play.startWorker();
      await play.start();
      await play.assertReleased();
      const count = new Map<string, number>();
      const expected = releaseChanges.map(({ action }) => {
        const nth = (count.get(action) ?? 0) + 1;
        count.set(action, nth);
        return { action, nth };
      });
      assert.deepEqual(await play.changes(), expected);
      assert.deepEqual(
        expected,
        releaseChanges.map(({ action, nth }) => ({ action, nth })),
        'they are numbered as they come',
      );
    }));

  for (const { what, slice, ...change } of releaseChanges) {
    for (const when of ['before', 'after'] as const) {
      if (!all && slice !== when) continue;
      test(`the worker is killed right ${when} ${what} (${change.action})`, () => killed(change, when));
    }
  }

  for (const [index, { what, action, zombie }] of releaseChanges.entries()) {
    const previous = releaseChanges[index - 1];
    if (!previous || (!all && !zombie)) continue;
    test(`the worker stands still right before ${what} (${action}), and wakes up when the release is over`, () =>
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
    playing({ skipUnchanged: true }, async (play) => {
      const held = await play.hold({ action: 'CreateImage', nth: 1 }, 'after');
      const worker = await play.startWorker();
      // The activities of the run and of the family are of no instance, those of the build of the source.
      for (const instanceId of ['', sourceOf(play)]) worker.repeat(instanceId, 'all');
      await play.start();
      await held.met();
      // Those of the test are of the candidate.
      const [candidate] = (await familyInCloud(site.cloud, play.pipeline.family, play.region)).of('candidate');
      worker.repeat(candidate!, 'all');
      await held.release();
      const made = await play.assertReleased();
      const family = `image-family/${made.accountId!}/${made.family}`;
      const done = await Promise.all(
        [play.handle.workflowId, `build-image/${play.region}/${sourceOf(play)}`, family].map(async (workflowId) => {
          const { events } = await site.client.workflow.getHandle(workflowId).fetchHistory();
          return completedActivities(events ?? []);
        }),
      );
      assert.deepEqual(twiceProblems('all', done.flat()), []);
      const names = new Set(done.flat().map(({ type }) => type));
      for (const name of ['findSource', 'watchGuest', 'checkGuest', 'askFamily', 'promoteImage', 'rememberSource']) {
        assert.ok(names.has(name), `${name} of ${[...names].join()}`);
      }
      assert.equal(made.test?.passed, true);
      // What it remembered twice is what the next run finds.
      const place = { client: site.client, taskQueue: play.taskQueue };
      const next = await release(place, play.pipeline);
      assert.equal(next.outcome, 'unchanged', next.change?.story);
    }));

  for (const action of ['CreateImage', 'RunInstances', 'ModifyImageAttribute'] as const) {
    // A build that its pipeline leaves alone is played in the matrix.
    if (!all && action === 'CreateImage') continue;
    test(`terminated after ${action}: the source runs, the instance of the test goes, the family has its image`, () =>
      playing({}, async (play) => {
        const held = await play.hold({ action, nth: 1 }, 'after');
        await play.startWorker();
        const handle = await play.start();
        await held.met();
        await handle.terminate('by hand');
        await held.release();
        await assert.rejects(handle.result(), WorkflowFailedError);
        // The build is asked to cancel by its parent's end; what the family's workflow was asked for, it does.
        const build = site.client.workflow.getHandle(`build-image/${play.region}/${sourceOf(play)}`);
        await build.result().catch(() => undefined);
        await until(async () => {
          const { instances } = await site.cloud.state(play.region);
          return instances.find(({ id }) => id === sourceOf(play))?.state === 'RUNNING' ? true : undefined;
        });
        await play.sweep();
        await play.assertTidy();
        await play.assertNeverWithout();
        if (action !== 'ModifyImageAttribute') await play.assertAsBefore();
        // The next run makes its release, and retires what this one left undecided.
        const place = { client: site.client, taskQueue: play.taskQueue };
        const next = await release(place, play.pipeline);
        const now = await familyInCloud(site.cloud, play.pipeline.family, play.region);
        assert.deepEqual([now.of('current'), now.answers], [[next.images[0]!.imageId], [next.images[0]!.imageId]]);
        assert.deepEqual(now.of('candidate'), []);
      }));
  }

  for (const action of ['RunInstances', 'ModifyImageAttribute'] as const) {
    if (!all && action === 'RunInstances') continue;
    test(`reset to its begin after ${action}: one release, no instance of either test`, () =>
      playing({}, async (play) => {
        const held = await play.hold({ action, nth: 1 }, 'after');
        await play.startWorker();
        await play.start();
        await held.met();
        await play.resetToBegin();
        await held.release();
        const made = await ended(play.handle);
        assert.equal(made.outcome, 'released');
        await play.assertTidy();
        const now = await familyInCloud(site.cloud, play.pipeline.family, play.region);
        const [image] = made.images;
        assert.deepEqual([now.of('current'), now.answers], [[image!.imageId], [image!.imageId]]);
      }));
  }

  test('a failed boot test leaves what was current, also when the worker dies over it', () =>
    playing({ content: 'nothing listens', test: undefined }, async (play) => {
      const { region } = play;
      play.pipeline.test = { launch: { zone: `${region}-3` }, settle: 0, checks: [{ tcp: 18_080, timeout: 1 }] };
      const held = await play.hold({ action: 'TerminateInstances', nth: 1 }, 'before');
      const worker = await play.startWorker();
      const handle = await play.start();
      await held.met();
      await play.assertAsBefore();
      await worker.kill();
      await held.release();
      await play.startWorker();
      await assert.rejects(handle.result(), (error: WorkflowFailedError) => {
        assert.match(String(error.cause), /has failed its test/);
        return true;
      });
      await play.assertAsBefore();
      await play.assertTidy();
    }));

  const sourceOf = ({ pipeline }: ReleasePlay) => (pipeline.source as { instanceId: string }).instanceId;
});
