import { isDeepStrictEqual } from 'node:util';
import { type Resource, type SweepReport, tagKeys } from '../../../contract';
import type { RegionState } from '../../support/simulator';
import { type BuildEnd, endName } from './ending';
import { ofBuild, snapshotsOf } from './exact';

/** What there is in a region, by kind. */
export const kinds = ['images', 'snapshots', 'instances', 'disks'] as const;

/**
 * Nothing is new in the region but what builds say that they keep, and what hangs on it; and all of that is there.
 *
 * @param settled the region before the sweep
 * @param after the region after it
 * @param others IDs of what somebody else made
 * @param taken IDs of what somebody else deleted, no matter whether a build noticed
 */
export function cleanProblems(
  ends: BuildEnd[],
  before: RegionState,
  settled: RegionState,
  after: RegionState,
  swept: SweepReport,
  others: ReadonlySet<string> = new Set(),
  taken: ReadonlySet<string> = new Set(),
): string[] {
  const listed = ends.map((end) => ({ end, ids: keptOf(end, settled) }));
  const kept = new Set(listed.flatMap(({ ids }) => ids));
  const problems: string[] = [];
  for (const kind of kinds) {
    const old = new Set(before[kind].map(({ id }) => id));
    const fresh = after[kind].filter(({ id }) => !old.has(id));
    const bound = new Set(
      kind === 'snapshots' ? after.images.filter(({ id }) => kept.has(id)).flatMap(snapshotsOf) : [],
    );
    const stray = fresh.filter(({ id }) => !kept.has(id) && !bound.has(id) && !others.has(id));
    if (stray.length > 0)
      problems.push(`${kind} that nobody lists: ${stray.map(({ id, state }) => `${id} (${state})`).join(', ')}`);
  }
  const there = new Set(kinds.flatMap((kind) => after[kind].map(({ id }) => id)));
  for (const { end, ids } of listed)
    for (const id of ids.filter((one) => !there.has(one) && !taken.has(one)))
      problems.push(`${id} is listed as kept, and is not there (${endName(end)}, build ${end.buildId})`);
  const left = swept.leftovers.filter(({ outcome, plan }) => plan !== 'report' && outcome === 'left');
  problems.push(...left.map(({ id, problem }) => `the sweep could not put ${id} right: ${problem}`));
  return problems;
}

/** What is on its way out by itself: nothing that runs, costs, or could be removed. */
export const passing = new Set(['LAUNCH_FAILED', 'TERMINATING', 'SHUTDOWN', 'TORECYCLE']);

/**
 * A build that could not delete something lists it as left over. Nobody is to rely on that: where the cloud deletes what it is
 * asked to, nothing is left for a sweep.
 */
export const leftoverProblems = (ends: BuildEnd[]): string[] =>
  ends.flatMap(leftoversOf).map((id) => `${id} was left to the sweep`);

/**
 * Before the sweep: whatever is there of a build that failed or was cancelled, its result or failure lists. A build that
 * was terminated, or hangs, could not list anything: what bears its tag is for the sweep.
 */
export function unlistedProblems(
  ends: BuildEnd[],
  before: RegionState,
  atEnd: RegionState,
  others: ReadonlySet<string> = new Set(),
): string[] {
  const speechless = ends.filter(({ how }) => how === 'terminated' || how === 'hanging');
  const theirs = speechless.flatMap(({ buildId }) => Object.values(ofBuild(atEnd, buildId)).flat().map(idOf));
  const listed = new Set([...ends.flatMap((end) => [...keptOf(end, atEnd), ...leftoversOf(end)]), ...theirs]);
  // What goes with an instance: its disks.
  const owners = new Set([...atEnd.instances.filter(({ state }) => passing.has(state)).map(idOf), ...theirs]);
  const bound = new Set(atEnd.images.filter(({ id }) => listed.has(id)).flatMap(snapshotsOf));
  return kinds.flatMap((kind) => {
    const old = new Set(before[kind].map(idOf));
    return atEnd[kind]
      .filter(({ id, state }) => !old.has(id) && !listed.has(id) && !others.has(id) && !passing.has(state))
      .filter(({ id, instanceId }) => !bound.has(id) && !owners.has(String(instanceId)))
      .map(({ id, state }) => `${id} (${state}) was left over, and nothing says so`);
  });
}

const idOf = ({ id }: { id: string }) => id;

const leftoversOf = (end: BuildEnd) =>
  'failure' in end && end.failure
    ? end.failure.resources.filter(({ fate }) => fate === 'leftover').map(({ id }) => id)
    : [];

/**
 * What a build says that stays: of a good one everything, of a failed one what it lists as kept. One that was terminated says
 * nothing any more: what it had tagged as kept by then, before any sweep, stays, as if it had said so.
 */
function keptOf(end: BuildEnd, settled: RegionState): string[] {
  const ids = (resources: Resource[]) => resources.filter(({ fate }) => fate === 'kept').map(({ id }) => id);
  if (end.how === 'completed') {
    const { image, instance } = end.result;
    return [...ids(end.result.resources), ...image.snapshotIds, ...(instance ? [instance.systemDiskId] : [])];
  }
  if (end.how === 'terminated') {
    const made = Object.values(ofBuild(settled, end.buildId)).flat();
    return made.filter(({ tags }) => tags[tagKeys.state] === 'kept').map(({ id }) => id);
  }
  return 'failure' in end && end.failure ? ids(end.failure.resources) : [];
}

/** What nothing leaves by itself. */
const lasting = new Set(['RUNNING', 'STOPPED', 'NORMAL', 'ATTACHED', 'UNATTACHED']);

/**
 * Whatever was there before, and what somebody else made meanwhile, still is, as it was and with its tags: nothing of others was taken for ours.
 * The sources are judged by themselves.
 *
 * @param sources IDs of the instances that images are built of
 * @param gone those of them that somebody else terminated
 */
export function untouchedProblems(
  before: RegionState,
  after: RegionState,
  { others, sources, gone }: { others: ReadonlySet<string>; sources: string[]; gone: string[] },
): string[] {
  // What was on its way out when it began, and what goes with it.
  const doomed = new Set(before.instances.filter(({ state }) => passing.has(state)).map(({ id }) => id));
  for (const id of gone) doomed.add(id);
  const now = new Map(
    kinds.flatMap((kind) => after[kind].filter(({ state }) => !passing.has(state)).map((one) => [one.id, one])),
  );
  const missing = [...others].filter((id) => !now.has(id)).map((id) => `${id} of somebody else is gone`);
  const touched = kinds.flatMap((kind) =>
    before[kind]
      .filter(({ id, state, instanceId }) => !passing.has(state) && !doomed.has(id) && !doomed.has(String(instanceId)))
      .filter(({ id }) => !sources.includes(id))
      .flatMap(({ id, tags, state }) => {
        const one = now.get(id);
        if (one === undefined) return [`${id}, which was there before, is gone`];
        return [
          ...(isDeepStrictEqual(one.tags, tags) ? [] : [`the tags of ${id}, which was there before, are others now`]),
          ...(lasting.has(state) && one.state !== state ? [`${id}, which was ${state}, is ${one.state} now`] : []),
        ];
      }),
  );
  return [...missing, ...touched];
}
