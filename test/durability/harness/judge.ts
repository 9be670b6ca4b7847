import type { SweepReport } from '../../../contract';
import type { Call, RegionState } from '../../support/simulator';
import { cleanProblems, kinds, leftoverProblems, unlistedProblems, untouchedProblems } from './clean';
import { type BuildEnd, endName } from './ending';
import { askedTwiceProblems, exactProblems, momentProblems } from './exact';
import { keptProblems } from './kept';
import type { Play } from './play';
import { readableProblems } from './readable';
import { activitiesOf, twiceProblems } from './repeated';
import { restoredProblems } from './restored';
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

/** API calls of a build that nothing disturbs, its undo and the sweep among them: 61 is the most that was measured, and a fifth more. */
export const callBudget = 75;
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
  const notOurs = new Set([...play.others, ...play.orphans]);
  const sources = play.builds.map(({ instanceId }) => instanceId);
  const found: Record<Check, string[] | undefined> = {
    fired: await firedProblems(play, ends),
    ended: ends.flatMap((end, index) => endedProblems(scenario, end, index)),
    exact: exactly(
      ends.map((end) => exactProblems(end, before, after, end.how === 'completed' ? undefined : play.taken)),
      [
        ...askedTwiceProblems(play.builds, before, calls, scenario.remakes),
        ...ends.flatMap((end) => momentProblems(end, after, calls)),
      ],
    ),
    clean: [
      // Also what was applied late: it is there once it has settled.
      ...unlistedProblems(ends, before, play.settled, notOurs),
      ...ends.flatMap((end) => keptProblems(end, play.atEnd, play)),
      ...(scenario.leaves ? [] : leftoverProblems(ends)),
      ...cleanProblems(ends, before, play.settled, after, swept, notOurs),
      ...untouchedProblems(before, after, {
        others: play.others,
        sources,
        gone: scenario.changed === 'gone' ? sources : [],
      }),
    ],
    restored: [
      ...play.unrestored.map((problem) => `while it was held: ${problem}`),
      ...new Set(ends.flatMap(({ build: { instanceId } }) => restoredHere(play, ends, instanceId, after))),
    ],
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

/** What the calls tell counts also where no build completed. */
function exactly(lists: (string[] | undefined)[], byCalls: string[]): string[] | undefined {
  const found = all(lists);
  return byCalls.length === 0 ? found : [...(found ?? []), ...byCalls];
}

/**
 * A build that comes to its end by itself has its source up again: that is looked at before the sweep, which would start it. One that
 * was terminated could not; where it was the last one of the source, that is looked at after the sweep only.
 */
function restoredHere(play: Play, ends: BuildEnd[], instanceId: string, after: RegionState): string[] {
  const { before, settled, scenario } = play;
  const source = find(before, instanceId)!;
  const swept = restoredProblems(scenario.changed, source, find(after, instanceId));
  const last = ends.filter(({ build }) => build.instanceId === instanceId).at(-1)!;
  if (last.how === 'terminated' || last.how === 'hanging') return swept;
  const early = restoredProblems(scenario.changed, source, find(settled, instanceId));
  return [...early.map((problem) => `before the sweep: ${problem}`), ...swept];
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
  const met = (await play.cloud.calls({ since: play.since })).flatMap((call) => call.faults);
  const missing = play.injected.flatMap(({ what, faultId, times = 1, done }) => {
    if (faultId === undefined) return done === true ? [] : [`${what} did not happen`];
    const count = met.filter((id) => id === faultId).length;
    return count >= times ? [] : [`${what} happened ${count} times instead of ${times}`];
  });
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
  return 'either' in ends ? ends.either : ends.each.slice(index, index + 1);
}

const isEnd = (expected: End, end: BuildEnd) =>
  typeof expected === 'string'
    ? expected === 'any' || end.how === expected
    : end.how === 'failed' && expected.failed.test(end.type);

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
