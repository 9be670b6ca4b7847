import { ApplicationFailure } from '@temporalio/activity';
import { isSnapshotName, type SweepActivities, tagKeys } from '../contract';
import { leftItsSourceUp, standingOf } from './build-standing';
import type { Image, Snapshot } from './cloud/cloud';
import { tagValue } from './cloud/tags';
import { goneImage } from './create-image';
import { finalFailure } from './engine/failures';
import type { Goal } from './engine/goal';
import type { StepRun } from './engine/run';
import { step } from './engine/step';
import { halfKept, sourceGraceSeconds, spareReason, stopDoubt, usedBy } from './find-leftovers';
import { goneDisk, goneInstance } from './launch-instance';
import { restored } from './restore-instance';
import { goneSnapshot } from './snapshot-disks';

type InputOf<Name extends keyof SweepActivities> = Parameters<SweepActivities[Name]>[0];
type OutputOf<Name extends keyof SweepActivities> = Awaited<ReturnType<SweepActivities[Name]>>;
type Outcome = OutputOf<'removeLeftovers'>['outcomes'][number];

/** What of a build is no longer abandoned is left alone, and the sweep says why. */
const notAbandoned = (message: string) => finalFailure('NotAbandoned', message);

/**
 * Starts a source whose build did not live to start it, and takes the restore tag away.
 *
 * Right before every change Temporal is asked again: neither the build of the tag nor another one of the instance may be
 * open. A stop may still be in flight, so RUNNING is believed only after it has stood for the settle window. Where the build itself had
 * started it again, a stop since then is somebody else's, and stays.
 */
export const restoreAbandoned = step<InputOf<'restoreAbandoned'>, OutputOf<'restoreAbandoned'>>(
  'step',
  async (run, { build: { region, buildId }, grace }) => {
    const guard = async () => {
      const standing = await standingOf(region, buildId);
      const spared = spareReason(standing, Math.min(grace, sourceGraceSeconds(run.settings)));
      if (spared !== undefined) throw notAbandoned(spared);
      const other = standing.is === 'closed' ? standing.lockedBy : undefined;
      if (other !== undefined) throw notAbandoned(`the build ${other} of the same instance is at work`);
    };
    const refuseStart = async () => {
      const doubt = stopDoubt(await leftItsSourceUp(region, buildId));
      if (doubt !== undefined) throw notAbandoned(doubt);
    };
    const guards = { guard, refuseStart };
    const { outcome, ...more } = await restored(run, { unknownOutcome: true, onlyIfClaimed: true }, guards);
    return { outcome, ...('tagLeft' in more ? { tagLeft: more.tagLeft } : {}) };
  },
);

/**
 * Deletes what one build left: instances first, then disks, images, and the snapshots of both. What cannot be deleted is
 * left with the reason, and does not keep the rest.
 *
 * Right before every change Temporal is asked again, and the resource is looked at again: it must still carry the build's
 * tag and be `pending`, and nobody may have begun to use it. Gone is success.
 */
export const removeLeftovers = step<InputOf<'removeLeftovers'>, OutputOf<'removeLeftovers'>>(
  'step',
  async (run, { abandoned, grace }) => {
    const guard = async () => {
      const spared = spareReason(await standingOf(run.build.region, run.build.buildId), grace);
      if (spared !== undefined) throw notAbandoned(spared);
    };
    const harmless = new Set<string>();
    const outcomes: Outcome[] = [];
    const remove = async (ids: string[], goalOf: (id: string) => Promise<Goal<never>> | Goal<never>) => {
      outcomes.push(
        ...(await Promise.all(
          ids.map(async (id): Promise<Outcome> => {
            try {
              await run.achieve(await goalOf(id));
              return { id, outcome: 'deleted' };
            } catch (error) {
              if (!(error instanceof ApplicationFailure)) throw error;
              return { id, outcome: 'left', problem: error.message };
            }
          }),
        )),
      );
    };
    const going = new Set(abandoned.instances);
    await remove(abandoned.instances, (id) =>
      guarded(run, goneInstance(run, id, harmless), guard, async () => (await halfKept(run))(id)),
    );
    await remove(abandoned.disks, (id) => guarded(run, goneDisk(run, id), guard));
    const implicit = new Set<string>();
    await remove(abandoned.images, async (id) => {
      const bound = await boundSnapshots(run, id);
      // What the cloud made for the image carries no tag of a build, and no name that one gives; only that goes with it.
      const own = bound.filter(
        ({ Tags, SnapshotName }) => tagValue(Tags, tagKeys.build) === undefined && !isSnapshotName(SnapshotName),
      );
      const alone = bound.every((one) => isOnlyOf(one, id));
      if (alone) for (const { SnapshotId } of own) implicit.add(SnapshotId!);
      const withSnapshots = alone && own.length === bound.length;
      return guarded(run, goneImage(run, id, { withSnapshots }), guard, () => usedBy(run, id, going));
    });
    await remove(abandoned.snapshots, (id) => guarded(run, goneSnapshot(run, id), guard));
    await proveGone(run, [...implicit], outcomes);
    return { outcomes };
  },
);

/**
 * The same goal, but nothing is done to what is no longer the build's, no longer pending, or of a build that is open again.
 *
 * @param whyStays says, at each look, why it is needed all the same
 */
function guarded<Seen extends { Tags?: { Key?: string; Value?: string }[] }>(
  run: StepRun,
  goal: Goal<Seen>,
  guard: () => Promise<void>,
  whyStays: () => Promise<string | undefined> = () => Promise.resolve(undefined),
): Goal<never> {
  const safe: Goal<Seen> = {
    ...goal,
    look: async () => {
      await guard();
      const seen = await goal.look();
      const reason = seen && (await whyStays());
      if (reason !== undefined) throw notAbandoned(reason);
      return seen;
    },
    judge: (seen, acted) => {
      if (seen && !(run.owns(seen.Tags) && tagValue(seen.Tags, tagKeys.state) === 'pending')) {
        throw notAbandoned('it no longer carries the tags of an abandoned resource');
      }
      return goal.judge(seen, acted);
    },
  };
  return safe as unknown as Goal<never>;
}

async function boundSnapshots(run: StepRun, imageId: string): Promise<Snapshot[]> {
  const look = async () => {
    const image: Image | undefined = await run.cloud.images.look(imageId);
    const ids = (image?.SnapshotSet ?? []).map(({ SnapshotId }) => SnapshotId!);
    return Promise.all(
      ids.map(async (id) => {
        const seen = await run.cloud.snapshots.look(id);
        if (seen) return seen;
        throw finalFailure('SnapshotUnseen', `its snapshot ${id} cannot be seen, and may be needed elsewhere`);
      }),
    );
  };
  return run.patiently(`snapshots of ${imageId}`, look);
}

const isOnlyOf = ({ Images = [], ShareReference = 0 }: Snapshot, imageId: string) =>
  ShareReference === 0 && Images.every(({ ImageId }) => ImageId === imageId);

/**
 * The snapshots that the cloud made for a deleted image should have gone with it (DeleteBindedSnap); one that did not, as when
 * the image held others too, is deleted by itself. Only of an image that is gone.
 */
async function proveGone(run: StepRun, ids: string[], outcomes: Outcome[]): Promise<void> {
  for (const id of ids) {
    const seen = await run.patiently(`snapshot ${id}`, () => run.cloud.snapshots.look(id));
    if (!seen || (seen.Images ?? []).length > 0 || tagValue(seen.Tags, tagKeys.build) !== undefined) continue;
    try {
      await run.achieve(goneSnapshot(run, id));
    } catch (error) {
      if (!(error instanceof ApplicationFailure)) throw error;
      outcomes.push({ id, outcome: 'left', problem: error.message });
    }
  }
}
