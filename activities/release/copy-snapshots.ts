import { type DiskSnapshot, type DistributionActivities, snapshotCopyName, tagKeys } from '../../contract';
import { checkRegion } from '../allowed';
import type { Snapshot } from '../cloud/cloud';
import { CloudError, kindOf } from '../cloud/errors';
import { allPages, pageSize } from '../cloud/images';
import { setTags, tagValue } from '../cloud/tags';
import type { Goal } from '../engine/goal';
import type { StepRun } from '../engine/run';
import { listed, step } from '../engine/step';
import { goneSnapshot } from '../snapshot-disks';
import { isMarkedNow } from './marks';

type InputOf<Name extends keyof DistributionActivities> = Parameters<DistributionActivities[Name]>[0];
type OutputOf<Name extends keyof DistributionActivities> = Awaited<ReturnType<DistributionActivities[Name]>>;

/**
 * Copies snapshots from another region into this one, all at once, marks them as the build's, by which they go with the
 * image, and waits until they are NORMAL.
 *
 * CBS CopySnapshotCrossRegions has no ClientToken, and its copies take no tags. Each copy's name holds build and snapshot: one
 * that is there is adopted. What was made twice after a lost answer is deleted but for the oldest.
 */
export const copySnapshots = step<InputOf<'copySnapshots'>, OutputOf<'copySnapshots'>>('step', async (run, input) => {
  const { from, snapshots, tags } = input;
  checkRegion(run, from);
  const ids = await run.together(snapshots.map((snapshot) => () => copied(run, from, snapshot, tags)));
  const extras = (await copiesOf(run, snapshots)).filter(({ SnapshotId }) => !ids.includes(SnapshotId!));
  await run.achieveAll(extras.map(({ SnapshotId }) => goneCopy(run, SnapshotId!)));
  return {
    snapshots: snapshots.map(({ diskId, usage, size }, index) => ({ snapshotId: ids[index]!, diskId, usage, size })),
  };
});

/**
 * Copies one snapshot. The copy is marked as soon as it is seen: of a run that is terminated meanwhile nobody would find it
 * otherwise. Whether the cloud takes tags of what is being copied is not documented; where it does not, they come at the end.
 */
async function copied(
  run: StepRun,
  from: string,
  snapshot: DiskSnapshot,
  tags: Record<string, string>,
): Promise<string> {
  const id = (await run.achieve(begunCopy(run, from, snapshot)))!.SnapshotId!;
  const marked = await isMarkedNow(run, markedCopy(run, id, tags));
  await run.achieve(finishedCopy(run, id, snapshot));
  if (!marked) await run.achieve(markedCopy(run, id, tags));
  return id;
}

const goneMeanwhile = (id: string, snapshotId: string) =>
  ({ is: 'missing', code: 'SnapshotGone', message: `snapshot ${id}, the copy of ${snapshotId}, is gone` }) as const;

/** A copy that is there, in whatever state. */
function begunCopy(run: StepRun, from: string, { snapshotId }: DiskSnapshot): Goal<Snapshot> {
  const name = snapshotCopyName(run.build.buildId, snapshotId);
  let id: string | undefined;
  return {
    title: `copy of ${snapshotId}`,
    look: async () => {
      const seen = await (id === undefined ? oldest(await copiesNamed(run, [name])) : run.cloud.snapshots.look(id));
      id ??= seen?.SnapshotId;
      if (id !== undefined) run.remember({ type: 'snapshot', id, fate: 'made', note: `copy of ${snapshotId}` });
      return seen;
    },
    watch: () => (id === undefined ? undefined : { on: run.cloud.snapshots, id }),
    judge: (seen) => {
      if (seen) return { is: 'done' };
      return id === undefined ? { is: 'act' } : goneMeanwhile(id, snapshotId);
    },
    act: {
      action: 'CopySnapshotCrossRegions',
      repeatable: false,
      call: async () => {
        id = await askForCopy(run, from, snapshotId, name);
        return undefined;
      },
    },
  };
}

/** A copy that is NORMAL. */
function finishedCopy(run: StepRun, id: string, { snapshotId }: DiskSnapshot): Goal<Snapshot> {
  return {
    title: `copy of ${snapshotId}`,
    look: () => run.cloud.snapshots.look(id),
    watch: () => ({ on: run.cloud.snapshots, id }),
    judge: (seen) => {
      if (!seen) return goneMeanwhile(id, snapshotId);
      const { SnapshotState = 'unknown', Percent } = seen;
      if (SnapshotState === 'NORMAL') return { is: 'done' };
      if (['CREATING', 'COPYING_FROM_REMOTE', 'CHECKING_COPIED'].includes(SnapshotState)) {
        return { is: 'going', waitingFor: `copy of ${snapshotId}: ${SnapshotState}`, percent: Percent };
      }
      return { is: 'wrong', code: 'SnapshotState', message: `the copy of ${snapshotId}, ${id}, is ${SnapshotState}` };
    },
  };
}

/** @throws {CloudError} also when the call succeeds and only its row for the region says that it does not */
async function askForCopy(run: StepRun, from: string, snapshotId: string, name: string): Promise<string | undefined> {
  const { region } = run.build;
  const { SnapshotCopyResultSet = [], RequestId } = await run.cloudIn(from).call('cbs', 'CopySnapshotCrossRegions', {
    SnapshotId: snapshotId,
    DestinationRegions: [region],
    SnapshotName: name,
  });
  const row = SnapshotCopyResultSet.find(({ DestinationRegion }) => DestinationRegion === region);
  const code = row?.Code ?? 'Success';
  if (code === 'Success') return row?.SnapshotId;
  throw new CloudError(kindOf(code), 'CopySnapshotCrossRegions', code, `${region}: ${row?.Message ?? ''}`, RequestId);
}

/** The copies of this build by their exact names (DescribeSnapshots, whose filter may be fuzzy and takes few values). */
async function copiesNamed(run: StepRun, names: string[]): Promise<Snapshot[]> {
  const found: Snapshot[] = [];
  for (let start = 0; start < names.length; start += 5) {
    const Filters = [{ Name: 'snapshot-name', Values: names.slice(start, start + 5) }];
    const some = await allPages(
      async (Offset) =>
        (await run.cloud.call('cbs', 'DescribeSnapshots', { Filters, Offset, Limit: pageSize })).SnapshotSet ?? [],
    );
    found.push(...some);
  }
  return found.filter(
    ({ SnapshotName = '', SnapshotState, Tags }) =>
      names.includes(SnapshotName) &&
      SnapshotState !== 'TORECYCLE' &&
      (tagValue(Tags, tagKeys.build) === undefined || run.owns(Tags)),
  );
}

const copiesOf = (run: StepRun, snapshots: DiskSnapshot[]) =>
  run.patiently('copies of snapshots', () =>
    copiesNamed(
      run,
      snapshots.map(({ snapshotId }) => snapshotCopyName(run.build.buildId, snapshotId)),
    ),
  );

/** Of several of one name; one that is marked as ours comes before one that is not yet. */
const oldest = (copies: Snapshot[]) =>
  copies.sort(
    (a, b) =>
      Number((b.Tags?.length ?? 0) > 0) - Number((a.Tags?.length ?? 0) > 0) ||
      (a.CreateTime ?? '').localeCompare(b.CreateTime ?? '') ||
      (a.SnapshotId! < b.SnapshotId! ? -1 : 1),
  )[0];

function markedCopy(run: StepRun, id: string, tags: Record<string, string>): Goal<never> {
  return {
    title: `tags of copy ${id}`,
    // Tags show late; that the cloud took them is what counts.
    look: () => Promise.resolve(undefined),
    judge: (_seen, acted) => (acted ? { is: 'done' } : { is: 'act' }),
    act: {
      action: 'TagResources',
      repeatable: true,
      call: async () => {
        const all = { ...tags, [tagKeys.build]: run.owner, [tagKeys.state]: 'kept' };
        await setTags(run.cloud, [{ type: 'snapshot', id }], all);
        return undefined;
      },
    },
  };
}

/** Deletes the copies of these snapshots in the region: by their names, which hold the build, and their tag if they have one. */
export const undoCopySnapshots = step<InputOf<'undoCopySnapshots'>, OutputOf<'undoCopySnapshots'>>(
  'undo',
  async (run, { snapshots, unknownOutcome }) => {
    const { removed } = await run.clear<Snapshot>({
      title: `copies of snapshots in ${run.build.region}`,
      find: () => copiesOf(run, snapshots),
      idOf: ({ SnapshotId }) => SnapshotId!,
      keep: () => false,
      goal: (id) => goneCopy(run, id),
      known: [],
      unknownOutcome,
    });
    return { resources: listed('snapshot', removed, 'deleted') };
  },
);

/** Like any snapshot that is to be gone, but what is being copied cannot be deleted yet. */
function goneCopy(run: StepRun, id: string): Goal<Snapshot> {
  const goal = goneSnapshot(run, id);
  return {
    ...goal,
    judge: (seen, acted) => {
      const { SnapshotState = '', Percent } = seen ?? {};
      return ['COPYING_FROM_REMOTE', 'CHECKING_COPIED'].includes(SnapshotState)
        ? { is: 'going', waitingFor: `copy ${id}: ${SnapshotState}, not to be deleted yet`, percent: Percent }
        : goal.judge(seen, acted);
    },
  };
}
