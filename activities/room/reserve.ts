import type { DistributionActivities, RoomAnswer } from '../../contract';
import type { StepRun } from '../engine/run';
import { step } from '../engine/step';
import { askForRoom, placeInQueue } from './ask';

type InputOf = Parameters<DistributionActivities['reserveRoom']>[0];
type OutputOf = Awaited<ReturnType<DistributionActivities['reserveRoom']>>;

/** The quota may have been begun anew without what it knew: so often it is asked again, in seconds. */
const askAgainSeconds = 900;

/**
 * Asks the region of a copy for a slot of its image quota, which ends with the release. The slot is that of the image's build,
 * whose tag the copy bears. Told to wait, it asks again and again until its turn has come; its place in the queue is kept.
 * Changes nothing in the cloud, except where `retire-oldest` is asked for.
 */
export const reserveRoom = step<InputOf, OutputOf>('before changes', async (run, input) => {
  const { whenFull, family, holder, imageName, wait } = input;
  const { region } = run.build;
  const { owner } = run;
  let asked = 0;
  let askedAt = -Infinity;
  let answer = undefined as RoomAnswer | undefined;
  await run.achieve<RoomAnswer>({
    title: `room for a copy in ${region}`,
    look: async () => {
      // To look at the queue costs the quota nothing; what is no longer in it asks anew.
      if (answer?.is === 'queued' && performance.now() - askedAt < askAgainSeconds * 1000) {
        const place = await placeInQueue(run);
        if (place) return place;
      }
      asked += 1;
      askedAt = performance.now();
      const told = await askForRoom(run, { whenFull, family, refusals: 0 }, { holder, imageName, asked });
      // Whoever waits goes on waiting when the quota cannot be looked at for a moment.
      return told.is === 'failed' && answer?.is === 'queued' ? { ...answer, why: told.message } : told;
    },
    judge: (seen) => {
      answer = seen;
      if (!wait || seen?.is !== 'queued') return { is: 'done' };
      const why = seen.why === undefined ? '' : `; ${seen.why}`;
      return { is: 'going', waitingFor: `room in ${region}, place ${seen.position} in the queue${why}` };
    },
  });
  if (answer?.is === 'full') throw full(run, answer);
  if (answer?.is === 'failed') throw run.refusal(answer.code, answer.message, answer.advice, answer.requestId);
  if (answer?.is !== 'queued') return { granted: true, owner };
  const { position, images, why } = answer;
  return { granted: false, owner, position, images, ...(why === undefined ? {} : { why }) };
});

function full(run: StepRun, { images: { used, total }, promised }: RoomAnswer & { is: 'full' }): Error {
  const slots = promised === 0 ? '' : `, ${promised} promised to others`;
  return run.refusal(
    'ImageQuotaLimitExceeded',
    `${run.build.region} has ${used} of ${total} custom images${slots}: there is no room for a copy`,
    'Delete custom images there, have the quota raised, or let the pipeline make or wait for room (room.whenFull).',
  );
}
