import type { DistributionActivities, RoomAnswer } from '../../contract';
import type { StepRun } from '../engine/run';
import { step } from '../engine/step';
import { askForRoom } from './ask';

type InputOf = Parameters<DistributionActivities['reserveRoom']>[0];
type OutputOf = Awaited<ReturnType<DistributionActivities['reserveRoom']>>;

/**
 * Asks the region of a copy for a slot of its image quota, which ends with the release. The slot is that of the image's build,
 * whose tag the copy bears. Told to wait, it asks again and again until its turn has come; its place in the queue is kept.
 * Changes nothing in the cloud, except where `retire-oldest` is asked for.
 */
export const reserveRoom = step<InputOf, OutputOf>('before changes', async (run, input) => {
  const { whenFull, family, holder, wait } = input;
  const { region } = run.build;
  let asked = 0;
  let answer = undefined as RoomAnswer | undefined;
  await run.achieve<RoomAnswer>({
    title: `room for a copy in ${region}`,
    look: async () => {
      asked += 1;
      return askForRoom(run, { whenFull, family, refusals: 0 }, { holder, asked });
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
  return answer?.is === 'queued' ? { granted: false, position: answer.position } : { granted: true };
});

function full(run: StepRun, { images: { used, total }, promised }: RoomAnswer & { is: 'full' }): Error {
  const slots = promised === 0 ? '' : `, ${promised} promised to others`;
  return run.refusal(
    'ImageQuotaLimitExceeded',
    `${run.build.region} has ${used} of ${total} custom images${slots}: there is no room for a copy`,
    'Delete custom images there, have the quota raised, or let the pipeline make or wait for room (room.whenFull).',
  );
}
