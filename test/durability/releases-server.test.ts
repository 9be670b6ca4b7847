import { after, before, describe, test } from 'node:test';
import { openReleaseSite, type ReleaseSite } from './harness/release-site';
import { ReleasePlay } from './harness/release-play';
import { all, distributionChanges, killsAt, releaseChanges } from './scenarios/release-calls';

const kills = [
  ...killsAt(releaseChanges).map((kill) => ({ ...kill, distributed: false })),
  ...killsAt(distributionChanges)
    .filter(({ action }) => all || action === 'SyncImages')
    .map((kill) => ({ ...kill, distributed: true })),
];

// One after the other: all that is at work feels it when the server dies.
describe('releases whose Temporal server dies', { concurrency: 1 }, () => {
  let site: ReleaseSite;
  before(async () => {
    site = await openReleaseSite();
  });
  after(() => site.stop());

  for (const victims of ['the Temporal server', 'the Temporal server and the worker'] as const) {
    for (const { what, when, distributed, ...change } of kills) {
      const place = `${change.action}${change.there ? ', there' : ''}`;
      test(`${victims}, killed right ${when} ${what} (${place})`, () =>
        ReleasePlay.playing(site, { distributed }, async (play) => {
          const held = await play.hold(change, when);
          const worker = await play.startWorker();
          await play.start();
          await held.met();
          await play.assertNeverWithout();
          if (victims.endsWith('worker')) await worker.kill();
          await site.server.kill();
          held.release();
          await site.server.startAgain();
          if (victims.endsWith('worker')) await play.startWorker();
          await play.assertReleased();
        }));
    }
  }
});
