import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { ReleasePlay } from './harness/release-play';
import { openReleaseSite, type ReleaseSite } from './harness/release-site';
import { killsAt, rollbackChanges } from './scenarios/release-calls';

describe('rollbacks that are disturbed', { concurrency: 2 }, () => {
  let site: ReleaseSite;
  before(async () => {
    site = await openReleaseSite();
  });
  after(() => site.stop());

  test('undisturbed: these are all calls by which a rollback changes the cloud', () =>
    ReleasePlay.playing(site, {}, async (play) => {
      await play.startWorker();
      assert.equal((await play.rollBack()).imageId, play.old[0]);
      await play.assertRolledBack();
      assert.deepEqual(
        await play.changes(),
        rollbackChanges.map(({ action, nth }) => ({ action, nth })),
      );
    }));

  for (const { what, when, ...change } of killsAt(rollbackChanges)) {
    test(`the worker is killed right ${when} ${what} (${change.action})`, () =>
      ReleasePlay.playing(site, {}, async (play) => {
        let rolling: ReturnType<ReleasePlay['rollBack']> | undefined;
        await play.killedAt(change, when, () => {
          rolling = play.rollBack();
          // Looked at when the worker is dead.
          rolling.catch(() => undefined);
        });
        assert.equal((await rolling!).imageId, play.old[0]);
        await play.assertRolledBack();
      }));
  }
});
