import { type BuildActivities, type Disk, type DiskSnapshot, snapshotName } from '../contract';
import { checkSource } from './allowed';
import type { Snapshot } from './cloud/cloud';
import type { Goal } from './engine/goal';
import type { StepRun } from './engine/run';
import { listed, noLongerOurs, step } from './engine/step';
import { checkNotMade, disksOfSource, snapshotsOfBuild } from './made-before';
import { checkStillDown } from './source-instance';

type Input = Parameters<BuildActivities['snapshotDisks']>[0];
type Output = Awaited<ReturnType<BuildActivities['snapshotDisks']>>;

/**
 * Takes one CBS snapshot of each disk, all at once, and waits until they are NORMAL.
 *
 * CBS CreateSnapshot has no ClientToken. So each snapshot's name holds build, disk and generation: one that is there is
 * adopted, and a create of unknown outcome is not repeated until look-ups have stayed empty for the settle window. In the
 * end whatever carries such a name twice is deleted but for the oldest. The source must have been down all the time.
 */
export const snapshotDisks = step<Input, Output>('step', async (run, { build, generation, disks, tags }) => {
  await checkSource(
    run,
    disks.map(({ diskId }) => diskId),
  );
  await checkNotMade(run);
  const named = (disk: Disk) => snapshotName(build.buildId, disk.diskId, generation);
  const unchecked = new Set<string>();
  const found = await run.achieveAll(
    disks.map((disk) => snapshotOf(run, disk, { name: named(disk), tags, unchecked })),
  );
  if (unchecked.size > 0 || !run.ofEarlierRun) await checkStillDown(run);
  const chosen = found.filter((snapshot) => snapshot !== undefined);
  await deleteExtras(run, disks, named, new Set(chosen.map(({ SnapshotId }) => SnapshotId)));
  const snapshots = disks.map((disk, index): DiskSnapshot => {
    // The disk may have grown since it was inspected.
    const { SnapshotId, DiskSize = disk.size } = chosen[index]!;
    return { snapshotId: SnapshotId!, diskId: disk.diskId, usage: disk.usage, size: DiskSize };
  });
  return { snapshots };
});

function snapshotOf(
  run: StepRun,
  disk: Disk,
  { name, tags, unchecked }: { name: string; tags: Record<string, string>; unchecked: Set<string> },
): Goal<Snapshot> {
  let id: string | undefined;
  return {
    title: `snapshot of ${disk.diskId}`,
    look: async () => {
      const seen =
        id === undefined
          ? oldest(
              (await run.cloud.snapshotsOfDisks([disk.diskId])).filter(
                ({ SnapshotName, Tags }) => SnapshotName === name && run.owns(Tags),
              ),
            )
          : await run.cloud.snapshots.look(id);
      if (seen?.SnapshotId !== undefined) {
        id = seen.SnapshotId;
        run.remember({ type: 'snapshot', id, fate: 'made', note: `of ${disk.diskId}` });
      }
      return seen;
    },
    watch: () => (id === undefined ? undefined : { on: run.cloud.snapshots, id }),
    judge: (seen) => {
      if (!seen && id !== undefined) {
        return {
          is: 'missing',
          code: 'SnapshotGone',
          message: `snapshot ${id} of ${disk.diskId} is gone: somebody else deleted it`,
          advice: 'Find out who deletes snapshots, and build again.',
        };
      }
      if (!seen) return { is: 'act' };
      if (seen.SnapshotState === 'NORMAL') return { is: 'done' };
      if (seen.SnapshotState === 'CREATING') {
        // Whoever took it has not come to check that the source stayed down.
        unchecked.add(disk.diskId);
        return { is: 'going', waitingFor: `snapshot of ${disk.diskId}: CREATING`, percent: seen.Percent };
      }
      const state = seen.SnapshotState ?? 'unknown';
      return {
        is: 'wrong',
        code: 'SnapshotState',
        message: `snapshot ${id ?? ''} of ${disk.diskId} is ${state}`,
        advice: 'Look at the snapshot in the console, and build again.',
      };
    },
    act: {
      action: 'CreateSnapshot',
      repeatable: false,
      call: async () => {
        unchecked.add(disk.diskId);
        const { SnapshotId } = await run.cloud.call('cbs', 'CreateSnapshot', {
          DiskId: disk.diskId,
          SnapshotName: name,
          Tags: run.tags(tags),
        });
        id = SnapshotId;
        if (id) run.remember({ type: 'snapshot', id, fate: 'made', note: `of ${disk.diskId}` });
        return undefined;
      },
    },
  };
}

async function deleteExtras(
  run: StepRun,
  disks: Disk[],
  named: (disk: Disk) => string,
  chosen: Set<string | undefined>,
): Promise<void> {
  const names = new Set(disks.map(named));
  const ofDisks = await run.patiently('snapshots', () => run.cloud.snapshotsOfDisks(disks.map(({ diskId }) => diskId)));
  const extras = ofDisks.filter(
    ({ SnapshotName, SnapshotId, Tags }) =>
      names.has(SnapshotName ?? '') && run.mayRemove(Tags) && !chosen.has(SnapshotId),
  );
  await run.achieveAll(extras.map(({ SnapshotId }) => goneSnapshot(run, SnapshotId!)));
}

const oldest = (snapshots: Snapshot[]) =>
  snapshots.sort(
    (a, b) => (a.CreateTime ?? '').localeCompare(b.CreateTime ?? '') || (a.SnapshotId! < b.SnapshotId! ? -1 : 1),
  )[0];

/**
 * A snapshot that is to be gone. CBS DeleteSnapshots takes only NORMAL snapshots that no image is bound to, so CREATING
 * is waited for, and so is the end of an image that holds it.
 */
export function goneSnapshot(run: StepRun, id: string): Goal<Snapshot> {
  return {
    title: `snapshot ${id}`,
    look: () => run.cloud.snapshots.look(id),
    watch: () => ({ on: run.cloud.snapshots, id }),
    judge: (seen) => {
      if (!seen) {
        run.gone(id);
        return { is: 'done' };
      }
      run.remember({ type: 'snapshot', id, fate: 'leftover' });
      if (seen.SnapshotState === 'CREATING') {
        return { is: 'going', waitingFor: `snapshot ${id}: CREATING, not to be deleted yet`, percent: seen.Percent };
      }
      return { is: 'act' };
    },
    act: {
      action: 'DeleteSnapshots',
      repeatable: true,
      call: async () => {
        await run.cloud.call('cbs', 'DeleteSnapshots', { SnapshotIds: [id] });
        return undefined;
      },
      lookAgain:
        /^(InvalidSnapshotId\.NotFound|UnsupportedOperation\.SnapshotHasBindedImage|InvalidSnapshot\.NotSupported)/,
    },
  };
}

type UndoInput = Parameters<BuildActivities['undoSnapshotDisks']>[0];
type UndoOutput = Awaited<ReturnType<BuildActivities['undoSnapshotDisks']>>;

/**
 * Deletes the snapshots that the build took of these disks, of every generation, also those that it was never told of:
 * they are found by disk and name, and must carry the build's tag. What is tagged as kept stays, and is listed so.
 */
export const undoSnapshotDisks = step<UndoInput, UndoOutput>('undo', async (run, input) => {
  const { known, unknownOutcome, keep } = input;
  const diskIds = input.diskIds ?? (await disksOfSource(run));
  const { removed, kept, foreign } = await run.clear({
    title: 'snapshots of the build',
    find: () => snapshotsOfBuild(run, diskIds),
    idOf: ({ SnapshotId }) => SnapshotId!,
    keep: ({ Tags }) => keep === true || run.isKept(Tags),
    goal: (id) => goneSnapshot(run, id),
    known,
    unknownOutcome,
    byId: async (id) => {
      const seen = await run.cloud.snapshots.look(id);
      return seen?.SnapshotState === 'TORECYCLE' ? undefined : seen;
    },
  });
  const theirs = foreign.map(({ SnapshotId }) => SnapshotId!);
  return {
    resources: [
      ...listed('snapshot', removed, 'deleted'),
      ...listed('snapshot', kept, 'kept'),
      ...listed('snapshot', theirs, 'kept', noLongerOurs),
    ],
  };
});
