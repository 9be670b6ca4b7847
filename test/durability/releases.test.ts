import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { WorkflowFailedError } from '@temporalio/client';
import { type Form, ReleasePlay } from './harness/release-play';
import { twiceProblems } from './harness/repeated';
import { openReleaseSite, type ReleaseSite } from './harness/release-site';
import { all, killsAt, releaseChanges } from './scenarios/release-calls';
import { ended, familyInCloud, release } from '../support/releases';
import { until } from '../support/judge';

describe('releases that are disturbed', { concurrency: 2 }, () => {
  let site: ReleaseSite;
  before(async () => {
    site = await openReleaseSite();
  });
  after(() => site.stop());

  const playing = <T>(form: Form, part: (play: ReleasePlay) => Promise<T>) => ReleasePlay.playing(site, form, part);

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

  for (const { what, when, ...change } of killsAt(releaseChanges)) {
    test(`the worker is killed right ${when} ${what} (${change.action})`, () =>
      playing({}, async (play) => {
        await play.killedAt(change, when);
        await play.assertReleased();
      }));
  }

  for (const [index, { what, action, zombie }] of releaseChanges.entries()) {
    const previous = releaseChanges[index - 1];
    if (!previous || (!all && !zombie)) continue;
    test(`the worker stands still right before ${what} (${action}), and wakes up when the release is over`, () =>
      playing({}, (play) => play.standsStillAfter(previous)));
  }

  test('every activity twice: each answer is lost on its way to Temporal', () =>
    playing({ skipUnchanged: true }, async (play) => {
      const held = await play.hold({ action: 'CreateImage', nth: 1 }, 'after');
      const worker = await play.startWorker();
      // The activities of the run and of the family are of no instance, those of the build of the source.
      for (const instanceId of ['', play.sourceId]) worker.repeat(instanceId, 'all');
      await play.start();
      await held.met();
      // Those of the test are of the candidate.
      const [candidate] = (await familyInCloud(site.cloud, play.pipeline.family, play.region)).of('candidate');
      worker.repeat(candidate!, 'all');
      held.release();
      const made = await play.assertReleased();
      const family = `image-family/${made.accountId!}/${made.family}`;
      const build = `build-image/${play.region}/${play.sourceId}`;
      const done = await play.completed(play.handle.workflowId, build, family);
      assert.deepEqual(twiceProblems('all', done), []);
      const names = new Set(done.map(({ type }) => type));
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
        held.release();
        await assert.rejects(handle.result(), WorkflowFailedError);
        // The build is asked to cancel by its parent's end; what the family's workflow was asked for, it does.
        const build = site.client.workflow.getHandle(`build-image/${play.region}/${play.sourceId}`);
        await build.result().catch(() => undefined);
        await until(async () => {
          const { instances } = await site.cloud.state(play.region);
          return instances.find(({ id }) => id === play.sourceId)?.state === 'RUNNING' ? true : undefined;
        });
        await play.sweep();
        await play.assertTidy();
        await play.assertNeverWithout();
        if (action !== 'ModifyImageAttribute') await play.assertAsBefore();
        // The next run makes its release, and retires what this one left undecided.
        const place = { client: site.client, taskQueue: play.taskQueue };
        const next = await release(place, play.pipeline);
        const now = await play.assertCurrent(next.images[0]!.imageId);
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
        held.release();
        const made = await ended(play.handle);
        assert.equal(made.outcome, 'released');
        await play.assertTidy();
        await play.assertCurrent(made.images[0]!.imageId);
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
      held.release();
      await play.startWorker();
      await assert.rejects(handle.result(), (error: WorkflowFailedError) => {
        assert.match(String(error.cause), /has failed its test/);
        return true;
      });
      await play.assertAsBefore();
      await play.assertTidy();
    }));
});
