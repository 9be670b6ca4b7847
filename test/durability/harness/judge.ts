import { isDeepStrictEqual } from 'node:util';
import { disksToSnapshot, type Resource, type SweepReport, tagKeys } from '../../../contract';
import type { Call, RegionState, StateResource } from '../../support/simulator';
import { type BuildEnd, endName } from './ending';
import type { Play } from './play';
import { readableProblems } from './readable';
import { activitiesOf, twiceProblems } from './repeated';
import type { End, Ends, Scenario } from './scenario';

/** What is looked at, in this order. */
export const checks = ['fired', 'ended', 'exact', 'clean', 'restored', 'polite', 'readable'] as const;
export type Check = (typeof checks)[number];
/** `n/a`: nothing of the kind in this scenario. */
export type Verdict = Record<Check, 'ok' | 'wrong' | 'n/a'>;

export interface Judged {
  verdict: Verdict;
  problems: string[];
  ended: string[];
  calls: number;
}

/** API calls of a build that nothing disturbs, with times as in the cloud. Here looks are more frequent by a sixth of them. */
export const callBudget = 180;
/** Share of the answers that may be refused as too many. */
export const throttledShare = 0.01;

/**
 * Judges a scenario that is over and swept, by the cloud's own state and call log, and by Temporal: never by what the code
 * says of itself, except where that is what is judged.
 */
export async function judge(play: Play, ends: BuildEnd[], swept: SweepReport): Promise<Judged> {
  const { cloud, region, scenario, before } = play;
  const after = await cloud.state(region);
  const calls = await callsOf(play);
  const found: Record<Check, string[] | undefined> = {
    fired: await firedProblems(play, ends),
    ended: ends.flatMap((end, index) => endedProblems(scenario, end, index)),
    exact: all(ends.map((end) => exactProblems(end, before, after))),
    clean: [
      ...unlistedProblems(ends, before, play.atEnd, play.others),
      ...cleanProblems(ends, before, after, swept, play.others),
    ],
    restored: ends.flatMap(({ build }) =>
      restoredProblems(scenario, find(before, build.instanceId), find(after, build.instanceId)),
    ),
    polite: politeProblems(calls, play.builds.length, play.injected.length > 0 || play.scenario.twice !== undefined),
    readable: all([...(await Promise.all(ends.map((end) => readableProblems(play, end)))), waitingProblems(play)]),
  };
  if (scenario.also) {
    await scenario
      .also(play)
      .catch((error: unknown) => (found.exact ??= []).push(String(error instanceof Error ? error.message : error)));
  }
  const verdict = Object.fromEntries(
    checks.map((check) => [check, found[check] === undefined ? 'n/a' : found[check].length === 0 ? 'ok' : 'wrong']),
  ) as Verdict;
  return {
    verdict,
    problems: checks.flatMap((check) => (found[check] ?? []).map((problem) => `${check}: ${problem}`)),
    ended: ends.map(endName),
    calls: calls.length,
  };
}

/** Undefined when none of them had anything to check. */
function all(lists: (string[] | undefined)[]): string[] | undefined {
  const checked = lists.filter((list) => list !== undefined);
  return checked.length === 0 ? undefined : checked.flat();
}

const find = (state: RegionState, id: string) => state.instances.find((one) => one.id === id);

/** The calls in the scenario's region, and those of the tag service, which has none, on what is there or was made. */
export async function callsOf({ cloud, region, since, before }: Play): Promise<Call[]> {
  const after = await cloud.state(region);
  const ids = new Set([before, after].flatMap((state) => kinds.flatMap((kind) => state[kind].map(({ id }) => id))));
  return (await cloud.calls({ since })).filter(
    (call) => call.region === region || (call.service === 'tag' && call.resources.some((id) => ids.has(id))),
  );
}

/** A scenario whose injection did not happen proves nothing. */
export async function firedProblems(play: Play, ends: BuildEnd[]): Promise<string[] | undefined> {
  const { twice } = play.scenario;
  if (play.injected.length === 0 && twice === undefined) return undefined;
  // Of all calls: those of the tag service have no region.
  const faults = new Set((await play.cloud.calls({ since: play.since })).flatMap((call) => call.faults));
  const missing = play.injected
    .filter(({ faultId, done }) => (faultId === undefined ? done !== true : !faults.has(faultId)))
    .map(({ what }) => `${what} did not happen`);
  if (twice === undefined) return missing;
  const done = (await Promise.all(ends.map((end) => activitiesOf(play, end)))).flat();
  return [...missing, ...twiceProblems(twice, done)];
}

/** Undefined when nothing was to be read while builds waited. */
const waitingProblems = ({ unreadable, mayRead }: Play) => (mayRead ? unreadable : undefined);

export function endedProblems({ ends }: Scenario, end: BuildEnd, index: number): string[] {
  if (end.how === 'hanging') return [`the build is not over within its limit; it waits for ${end.pending}`];
  if (end.how === 'failed' && end.type === '') return ['the failure has no type'];
  const allowed = endsOf(ends, index);
  if (allowed.some((one) => isEnd(one, end))) return [];
  const expected = allowed.map((one) => (typeof one === 'string' ? one : `failed: ${one.failed.source}`)).join(' or ');
  return [`${endName(end)} instead of ${expected}${'message' in end ? ` (${end.message})` : ''}`];
}

/** The ends that a build may come to. */
function endsOf(ends: Ends, index: number): End[] {
  if (typeof ends === 'string' || 'failed' in ends) return [ends];
  return 'either' in ends ? ends.either : [ends.each[index] ?? 'any'];
}

const isEnd = (expected: End, end: BuildEnd) =>
  typeof expected === 'string'
    ? expected === 'any' || end.how === expected
    : end.how === 'failed' && expected.failed.test(end.type);

/** One image, one snapshot a chosen disk, one instance if asked for; all of it kept. Counted in the cloud by the build's tag. */
export function exactProblems(end: BuildEnd, before: RegionState, after: RegionState): string[] | undefined {
  if (end.how === 'terminated') return doubled(end, after);
  if (end.how !== 'completed') return undefined;
  const { spec, instanceId } = end.build;
  const source = find(before, instanceId)!;
  const sizes = new Map(before.disks.map((disk) => [disk.id, disk.size as number]));
  const made = ofBuild(after, end.buildId);
  const disk = (diskId: string, usage: 'SYSTEM_DISK' | 'DATA_DISK') => ({
    diskId,
    usage,
    size: sizes.get(diskId)!,
    type: '',
  });
  const chosen = disksToSnapshot(
    { method: 'instance', dataDisks: 'snapshot', ...spec } as never,
    {
      systemDisk: disk(source.systemDiskId as string, 'SYSTEM_DISK'),
      dataDisks: dataDisksOf(source, spec.dataDisks).map((id) => disk(id, 'DATA_DISK')),
    } as never,
  ).map(({ diskId }) => diskId);
  const problems: string[] = [];
  const expect = (what: string, actual: unknown, expected: unknown) => {
    if (!isDeepStrictEqual(actual, expected))
      problems.push(`${what}: ${JSON.stringify(actual)} instead of ${JSON.stringify(expected)}`);
  };
  expect(
    'images',
    made.images.map(({ id }) => id),
    [end.result.image.imageId],
  );
  expect(
    'states of the images',
    made.images.map(({ state }) => state),
    made.images.map(() => 'NORMAL'),
  );
  expect('disks with a snapshot', made.snapshots.map(({ diskId }) => diskId as string).sort(), [...chosen].sort());
  expect(
    'instances',
    made.instances.map(({ id }) => id),
    spec.launch ? [end.result.instance!.instanceId] : [],
  );
  const held = new Map(before.disks.map(({ id, content }) => [id, content]));
  const bound = new Set(made.images.flatMap(snapshotsOf));
  const copies = after.snapshots.filter(({ id, tags }) => bound.has(id) || tags[tagKeys.build]?.endsWith(end.buildId));
  expect(
    'snapshots that hold something else than the disk held',
    copies.filter(({ diskId, content }) => content !== held.get(diskId as string)).map(({ id }) => id),
    [],
  );
  const pending = Object.values(made)
    .flat()
    .filter(({ tags }) => tags[tagKeys.state] !== 'kept');
  expect(
    'not tagged as kept',
    pending.map(({ id }) => id),
    [],
  );
  return problems;
}

/** What a terminated build has decided to keep may not be complete, but there is nothing twice. */
function doubled({ buildId }: BuildEnd, after: RegionState): string[] {
  const { images, snapshots, instances } = ofBuild(after, buildId);
  const disks = snapshots.map(({ diskId }) => diskId as string);
  const twice = disks.filter((id, index) => disks.indexOf(id) !== index).map((id) => `snapshots of ${id}`);
  if (images.length > 1) twice.push('images');
  if (instances.length > 1) twice.push('instances');
  return twice.map((what) => `more than one: ${what}`);
}

function dataDisksOf(source: StateResource, dataDisks: unknown): string[] {
  const all = source.dataDiskIds as string[];
  if (Array.isArray(dataDisks)) return all.filter((id) => dataDisks.includes(id));
  return dataDisks === 'none' ? [] : all;
}

/** What carries the tag of a build. */
function ofBuild({ images, snapshots, instances, disks }: RegionState, buildId: string) {
  const own = (list: StateResource[]) =>
    list.filter(({ tags }) => tags[tagKeys.build]?.endsWith(`/${buildId}`) === true);
  return { images: own(images), snapshots: own(snapshots), instances: own(instances), disks: own(disks) };
}

const kinds = ['images', 'snapshots', 'instances', 'disks'] as const;

/** Nothing is new in the region but what builds say that they keep, and what hangs on it. */
export function cleanProblems(
  ends: BuildEnd[],
  before: RegionState,
  after: RegionState,
  swept: SweepReport,
  others: ReadonlySet<string> = new Set(),
): string[] {
  const kept = new Set(ends.flatMap((end) => keptOf(end, after)));
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
  for (const id of kept) if (!there.has(id)) problems.push(`${id} is listed as kept, and is not there`);
  const left = swept.leftovers.filter(({ outcome, plan }) => plan !== 'report' && outcome === 'left');
  problems.push(...left.map(({ id, problem }) => `the sweep could not put ${id} right: ${problem}`));
  return problems;
}

/** What is on its way out by itself: nothing that runs, costs, or could be removed. */
const passing = new Set(['LAUNCH_FAILED', 'TERMINATING', 'SHUTDOWN', 'TORECYCLE']);

/**
 * Before the sweep: whatever is there of a build that failed or was cancelled, its result or failure lists. A build that
 * was terminated, or hangs, could not list anything.
 */
export function unlistedProblems(
  ends: BuildEnd[],
  before: RegionState,
  atEnd: RegionState,
  others: ReadonlySet<string> = new Set(),
): string[] {
  if (ends.some(({ how }) => how === 'terminated' || how === 'hanging')) return [];
  const listed = new Set(ends.flatMap((end) => [...keptOf(end, atEnd), ...leftoversOf(end)]));
  const doomed = new Set(atEnd.instances.filter(({ state }) => passing.has(state)).map(({ id }) => id));
  const bound = new Set(atEnd.images.filter(({ id }) => listed.has(id)).flatMap(snapshotsOf));
  return kinds.flatMap((kind) => {
    const old = new Set(before[kind].map(({ id }) => id));
    return atEnd[kind]
      .filter(({ id, state }) => !old.has(id) && !listed.has(id) && !others.has(id) && !passing.has(state))
      .filter(({ id, instanceId }) => !bound.has(id) && !doomed.has(String(instanceId)))
      .map(({ id, state }) => `${id} (${state}) was left over, and nothing says so`);
  });
}

const leftoversOf = (end: BuildEnd) =>
  'failure' in end && end.failure
    ? end.failure.resources.filter(({ fate }) => fate === 'leftover').map(({ id }) => id)
    : [];

const snapshotsOf = (image: StateResource) => (image.snapshots as { id: string }[]).map(({ id }) => id);

/**
 * What a build says that stays: of a good one everything, of a failed one what it lists as kept. One that was terminated says
 * nothing any more: what it had tagged as kept by then stays, as if it had said so.
 */
function keptOf(end: BuildEnd, after: RegionState): string[] {
  const ids = (resources: Resource[]) => resources.filter(({ fate }) => fate === 'kept').map(({ id }) => id);
  if (end.how === 'completed') {
    const { image, instance } = end.result;
    return [...ids(end.result.resources), ...image.snapshotIds, ...(instance ? [instance.systemDiskId] : [])];
  }
  if (end.how === 'terminated') {
    const made = Object.values(ofBuild(after, end.buildId)).flat();
    return made.filter(({ tags }) => tags[tagKeys.state] === 'kept').map(({ id }) => id);
  }
  return 'failure' in end && end.failure ? ids(end.failure.resources) : [];
}

/** The source is as it was found: state, disks, addresses, tags. */
export function restoredProblems(
  { changed = [] }: Pick<Scenario, 'changed'>,
  before: StateResource | undefined,
  after: StateResource | undefined,
): string[] {
  if (changed.includes('gone')) return [];
  if (!before || !after) return ['the source is not there'];
  const fields: [string, (typeof changed)[number] | undefined][] = [
    ['state', 'state'],
    ['stoppedMode', 'state'],
    ['systemDiskId', 'disks'],
    ['dataDiskIds', 'disks'],
    ['type', 'type'],
    ['privateIp', undefined],
    ['publicIp', undefined],
    ['tags', 'tags'],
  ];
  const problems = fields
    .filter(([, excuse]) => excuse === undefined || !changed.includes(excuse))
    .filter(([field]) => !isDeepStrictEqual(before[field], after[field]))
    .map(
      ([field]) => `the source's ${field}: ${JSON.stringify(after[field])} instead of ${JSON.stringify(before[field])}`,
    );
  if (!changed.includes('tags') && after.tags[tagKeys.restore] !== undefined)
    problems.push('the source still has its restore tag');
  return [...new Set(problems)];
}

/**
 * Few answers are refused as too many, and builds that nothing disturbs stay within their budget.
 *
 * @param calls all calls in the region while the builds ran
 * @param disturbed whether something was injected; what a fault answered does not count either way
 */
export function politeProblems(calls: Call[], builds: number, disturbed: boolean): string[] {
  const own = calls.filter(({ faults }) => faults.length === 0);
  const throttled = own.filter(({ outcome }) => outcome.startsWith('RequestLimitExceeded')).length;
  const problems: string[] = [];
  if (throttled > own.length * throttledShare)
    problems.push(`${throttled} of ${own.length} calls were refused as too many`);
  if (!disturbed && own.length > callBudget * builds) {
    problems.push(`${own.length} calls for ${builds} builds, more than ${callBudget} each`);
  }
  return problems;
}
