import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { approveUpdate, type PipelineInput, retryStepUpdate, type ScheduledRelease } from '../../contract';
import { until } from '../support/judge';
import { firedSchedule, untilRelease } from '../support/releases';
import { type Form, ReleasePlay } from './harness/release-play';
import { twiceProblems } from './harness/repeated';
import { openReleaseSite, type ReleaseSite } from './harness/release-site';
import { heartbeat } from './harness/timing';
import { all } from './scenarios/release-calls';

/** A release that waits, for people or for the cloud, and what ends its waiting. */
interface Standing {
  what: string;
  slice?: boolean;
  form?: Partial<PipelineInput>;
  /** Done before the release begins; answers what it waits for (`ready`: to begin), and what to do when the worker is dead. */
  stands: (
    play: ReleasePlay,
    cloud: ReleaseSite['cloud'],
  ) => Promise<{ ready?: () => Promise<unknown>; met: () => Promise<unknown>; goOn: () => unknown }>;
}

const phaseIs = (play: ReleasePlay, phase: string) => () =>
  untilRelease(play.handle, (progress) => progress.phase === phase);

const isAt = (play: ReleasePlay, activity: string) =>
  until(async () => {
    const { raw } = await play.handle.describe();
    const names = (raw.pendingActivities ?? []).map(({ activityType }) => activityType?.name);
    return names.includes(activity) ? true : undefined;
  });

const standings: Standing[] = [
  {
    what: 'while it waits for approval',
    slice: true,
    form: { approve: { deadline: 600 } },
    stands: (play) =>
      Promise.resolve({
        met: async () => {
          await phaseIs(play, 'waiting')();
          await play.assertAsBefore();
        },
        goOn: () => play.handle.executeUpdate(approveUpdate, { args: [{ by: 'the test' }] }),
      }),
  },
  {
    what: 'while it is held',
    form: { onFailure: 'hold', deadlines: { heartbeat, hold: 600 } },
    stands: async (play, cloud) => {
      const { region } = play;
      await cloud.fault({
        action: 'CreateImage',
        region,
        kind: 'error',
        code: 'ImageQuotaLimitExceeded',
        message: 'full',
      });
      return {
        met: phaseIs(play, 'held'),
        goOn: () => play.handle.executeUpdate(retryStepUpdate, { args: [{}] }),
      };
    },
  },
  {
    what: 'while it looks for its source',
    stands: async (play) => {
      const held = await play.hold({ action: 'DescribeInstances', nth: 1 }, 'before');
      return { met: held.met, goOn: held.release };
    },
  },
  {
    what: 'while the source is compared with what it was',
    form: { skipUnchanged: true },
    stands: async (play) => {
      const held = await play.hold({ action: 'DescribeInstances', nth: 2 }, 'after');
      return { met: held.met, goOn: held.release };
    },
  },
  {
    what: 'while a build of its source that is at work already is undone',
    stands: async (play, cloud) => {
      const { region } = play;
      const code = 'InvalidParameterValue.InstanceImageNotSupport';
      await cloud.fault({ action: 'CreateImage', region, kind: 'error', code, message: 'not of this one' });
      const held = await play.hold({ action: 'DeleteSnapshots', nth: 1 }, 'before');
      await play.buildByHand();
      return { ready: held.met, met: () => isAt(play, 'joinBuild'), goOn: held.release };
    },
  },
  {
    what: 'while the guest is watched',
    stands: (play) => {
      // There is nothing to check but that it goes on running.
      play.pipeline.test = { launch: { zone: `${play.region}-3` }, settle: 3 };
      return Promise.resolve({ met: () => isAt(play, 'watchGuest'), goOn: () => Promise.resolve() });
    },
  },
];

describe('the worker is killed while a release stands', { concurrency: 2 }, () => {
  let site: ReleaseSite;
  before(async () => {
    site = await openReleaseSite();
  });
  after(() => site.stop());

  for (const { what, slice, form, stands } of standings) {
    if (!all && slice !== true) continue;
    test(what, () =>
      ReleasePlay.playing(site, form ?? {}, async (play) => {
        const { ready, met, goOn } = await stands(play, site.cloud);
        const first = await play.startWorker();
        await ready?.();
        await play.start();
        await met();
        await first.kill();
        await play.startWorker();
        await goOn();
        await play.assertReleased();
      }),
    );
  }
});

describe('a schedule whose worker is killed', { concurrency: 2 }, () => {
  let site: ReleaseSite;
  before(async () => {
    site = await openReleaseSite();
  });
  after(() => site.stop());

  const fired = ({ pipeline, taskQueue }: ReleasePlay) => firedSchedule({ client: site.client, taskQueue }, pipeline);

  test('is paused with the reason when a run has failed, though the answer was lost', () => {
    const form: Form = {
      source: { instanceId: 'ins-nowhere1' },
      schedule: { cron: ['0 2 * * *'], pauseAfter: 1 },
    };
    return ReleasePlay.playing(site, form, async (play) => {
      const worker = await play.startWorker();
      worker.repeat('', 'all');
      const { schedule, run } = await fired(play);
      await assert.rejects(run.result());
      const { state } = await schedule.describe();
      assert.equal(state.paused, true);
      assert.match(state.note ?? '', /ins-nowhere1/);
      assert.deepEqual(twiceProblems(['pauseSchedule'], await play.completed(run.workflowId)), []);
      await schedule.delete();
    });
  });

  test('waits on for a run by hand with the next worker, and begins its own when that is over', () => {
    const form: Form = { approve: { deadline: 600 }, schedule: { cron: ['0 2 * * *'], overlap: 'wait' } };
    return ReleasePlay.playing(site, form, async (play) => {
      const first = await play.startWorker();
      const { runId: byHand } = await (await play.start()).describe();
      await phaseIs(play, 'waiting')();
      const { schedule, run } = await fired(play);
      await until(async () => {
        const { raw } = await run.describe();
        return raw.pendingActivities?.some(({ activityType }) => activityType?.name === 'awaitEnd') ? true : undefined;
      });
      await first.kill();
      await play.startWorker();
      await play.handle.executeUpdate(approveUpdate, { args: [{ by: 'the test' }] });
      await play.assertReleased();
      const own = site.client.workflow.getHandle(play.handle.workflowId);
      await untilRelease(own, ({ phase }) => phase === 'waiting');
      assert.notEqual((await own.describe()).runId, byHand);
      await own.executeUpdate(approveUpdate, { args: [{ by: 'the test' }] });
      assert.equal(((await run.result()) as ScheduledRelease).outcome, 'released');
      await schedule.delete();
    });
  });
});
