import { setMaxListeners } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import type { Call, RegionState } from '../../support/simulator';
import { endName } from '../harness/ending';
import { cleanProblems, leftoverProblems, unlistedProblems, untouchedProblems } from '../harness/clean';
import { askedTwiceProblems, exactProblems, momentProblems } from '../harness/exact';
import { keptProblems } from '../harness/kept';
import { restoredProblems } from '../harness/restored';
import { openSite, sharedKey, type Site } from '../harness/site';
import { sweepAway } from '../harness/sweep';
import { lease, settings } from '../harness/timing';
import { atTheirTimes, Crew } from './crew';
import { type Soaked, soakBuild } from './one-build';
import type { Remakes, SourceChange } from '../harness/scenario';
import { type SoakPlan, soakRegions } from './plan';
import { Recoveries } from './recoveries';

/** What came of a soak. */
export interface SoakReport {
  builds: number;
  /** `completed`, `failed: CREATEFAILED`, …, with how many builds ended so. */
  ends: Record<string, number>;
  /** By kind, how many of them fired. */
  faults: Record<string, number>;
  people: Record<string, number>;
  kills: { workers: number; servers: number };
  /** Workers that stood still until others had taken over, and then went on. */
  frozen: number;
  /** Activities that were interrupted by the death of their worker, and seconds until the next attempt began. */
  recoveries: { interrupted: number; recovered: number; median: number; worst: number };
  calls: number;
  /** Share of the answers that were refused as too many, injected ones aside. */
  throttled: number;
  /** Builds that are not over. */
  hanging: string[];
  leftovers: string[];
  duplicates: string[];
  unrestored: string[];
  /** Failures without a type, a report or advice, or of which nothing that was done to the build is the reason. */
  unexplained: string[];
  seconds: number;
}

/** For how long builds may go on when no more arrive: minutes only on a machine that has much else to do. */
const patienceMs = 600_000;

/** Carries out a plan, waits until all builds are over, sweeps each region once, and judges. */
export async function soak(plan: SoakPlan, workers: number, onProgress: (line: string) => void): Promise<SoakReport> {
  const began = performance.now();
  const since = new Date().toISOString();
  const recoveries = new Recoveries();
  const site = await openSite(0);
  const crew = new Crew(site, recoveries);
  const over = new AbortController();
  try {
    await crew.hire(workers);
    const before = await statesOf(site);
    const outages: { id: string; name: string }[] = [];
    const revoked: Awaited<ReturnType<typeof withoutKey>>[] = [];
    const disturbing = [
      crew.killAsPlanned(plan, over.signal),
      atTheirTimes(plan.outages, over.signal, async ({ name, fault }) => {
        outages.push({ name, id: await site.cloud.fault(fault) });
      }),
      atTheirTimes(plan.revocations, over.signal, async ({ lasts }) => {
        revoked.push(await withoutKey(site, lasts, over.signal));
      }),
    ];
    const limit = AbortSignal.timeout(plan.builds.at(-1)!.at + patienceMs);
    // Every build waits for it.
    setMaxListeners(0, limit);
    const soaked: Soaked[] = [];
    /** Builds of which nobody knows how they stand. */
    const lost: string[] = [];
    const arriving: Promise<void>[] = [];
    await atTheirTimes(plan.builds, limit, (planned) => {
      const one = soakBuild(site, planned, limit).then(
        (build) => {
          soaked.push(build);
          onProgress(`${soaked.length} of ${plan.builds.length} builds over`);
        },
        (error: unknown) => {
          lost.push(`${planned.spec.instanceId}: ${String(error)}`);
        },
      );
      arriving.push(one);
      return Promise.resolve();
    });
    await Promise.all(arriving);
    over.abort();
    await Promise.all(disturbing);
    const calls = await site.cloud.calls({ since });
    const judged = await judgeAll(site, before, soaked, calls);
    return {
      builds: soaked.length,
      ends: counts(soaked.map(({ end }) => endName(end))),
      faults: {
        ...fired([...outages, ...soaked.flatMap(({ armed }) => armed)], calls),
        ...counts(revoked.filter((one) => isNoticed(one, calls)).map(() => 'the key is revoked')),
        ...counts(soaked.flatMap(({ planned, taken }) => taken.map(() => `someone deletes the ${planned.theft!.of}`))),
      },
      people: counts(soaked.flatMap(({ person }) => person ?? [])),
      kills: { workers: crew.workerKills, servers: crew.serverKills },
      frozen: crew.freezes,
      recoveries: recoveries.summary,
      calls: calls.length,
      throttled: throttledShareOf(calls),
      ...judged,
      hanging: [...judged.hanging, ...lost],
      seconds: (performance.now() - began) / 1000,
    };
  } finally {
    over.abort();
    await crew.dismiss();
    await site.stop();
  }
}

/** Nobody's calls are let in for so many milliseconds. Answers from when until when. */
async function withoutKey({ cloud }: Site, lasts: number, over: AbortSignal): Promise<{ from: string; to: string }> {
  const act = (name: string) => cloud.send('POST', 'interfere', { act: name, id: sharedKey.id });
  const from = new Date().toISOString();
  await act('revoke-key');
  await pause(lasts, undefined, { signal: over }).catch(() => undefined);
  await act('restore-key');
  return { from, to: new Date().toISOString() };
}

const isNoticed = ({ from, to }: { from: string; to: string }, calls: Call[]) =>
  calls.some(({ time, outcome }) => outcome.startsWith('AuthFailure') && from <= time && time <= to);

async function statesOf({ cloud }: Site): Promise<Map<string, RegionState>> {
  return new Map(await Promise.all(soakRegions.map(async (region) => [region, await cloud.state(region)] as const)));
}

/**
 * What builds left is looked at at once, and their sources when whatever was under way has settled. Then images that were stuck come to
 * their end, each region is swept once, and the cloud is looked at again.
 */
async function judgeAll(site: Site, before: Map<string, RegionState>, soaked: Soaked[], calls: Call[]) {
  const { cloud, server, taskQueue } = site;
  await cloud.send('DELETE', 'faults');
  const atEnd = await statesOf(site);
  await pause((lease + settings.settleSeconds!) * 1000);
  const settled = await statesOf(site);
  for (const { images } of settled.values()) {
    for (const { id } of images.filter(({ state }) => state === 'CREATING')) {
      await cloud.send('POST', 'interfere', { act: 'finish-image', id });
    }
  }
  const met = new Set(calls.flatMap(({ faults }) => faults));
  const leftovers: string[] = [];
  const duplicates: string[] = [];
  const unrestored: string[] = [];
  for (const region of soakRegions) {
    const swept = await sweepAway({ client: server.client, region, taskQueue });
    const after = await cloud.state(region);
    const own = soaked.filter(({ planned }) => planned.region === region);
    const first = withSources(before.get(region)!, own);
    const ends = own.map(({ end }) => end);
    const sources = own.map(({ source }) => source.id);
    const others = new Set(own.flatMap((build) => build.others));
    const notOurs = new Set([...others, ...own.flatMap(({ orphans }) => orphans)]);
    const stolen = new Set(own.flatMap(({ taken }) => taken));
    const gone = own.filter((build) => changeOf(build, met) === 'gone').map(({ source }) => source.id);
    leftovers.push(
      ...unlistedProblems(ends, first, settled.get(region)!, notOurs),
      ...cleanProblems(ends, first, settled.get(region)!, after, swept, notOurs, stolen),
      ...untouchedProblems(first, after, { others, sources, gone }),
    );
    const here = calls.filter((call) => call.region === region);
    for (const build of own) {
      const { planned, source, end } = build;
      const about = (problem: string) => `${planned.spec.instanceId}: ${problem}`;
      const changed = changeOf(build, met);
      const find = (state: RegionState) => state.instances.find(({ id }) => id === source.id);
      const taken = new Set(build.taken);
      duplicates.push(...(exactProblems(end, first, after, taken) ?? []).map(about));
      duplicates.push(...askedTwiceProblems([end.build], first, here, remakesOf(build, met), taken).map(about));
      if (taken.size === 0) duplicates.push(...momentProblems(end, after, here).map(about));
      // What never finishes has little time to be undone in: the tag service may be away for longer.
      const isStuck = planned.mishaps.some(({ stuck }) => stuck);
      leftovers.push(
        ...keptProblems(end, atEnd.get(region)!, { taken, orphans: notOurs, mayBeUntagged: isStuck }).map(about),
      );
      if (!isStuck) leftovers.push(...leftoverProblems([end]).map(about));
      // One that was terminated could not restore anything: that is for the sweep.
      const looks = end.how === 'terminated' ? [after] : [settled.get(region)!, after];
      unrestored.push(...looks.flatMap((state) => restoredProblems(changed, source, find(state))).map(about));
    }
  }
  const hanging = soaked.filter(({ end }) => end.how === 'hanging').map(({ planned }) => planned.spec.instanceId);
  return { hanging, leftovers, duplicates, unrestored, unexplained: soaked.flatMap((one) => unexplained(one, met)) };
}

/** What went wrong in a build, of what was to: faults that met a call. */
const mishapsOf = ({ planned, armed }: Soaked, met: ReadonlySet<string>) =>
  planned.mishaps.filter((_, index) => met.has(armed[index]!.id));

/** What somebody else has made of a source, if what was to happen did. */
function changeOf(build: Soaked, met: ReadonlySet<string>): SourceChange {
  const changes = mishapsOf(build, met).flatMap(({ changed }) => changed ?? []);
  if (changes.includes('gone')) return 'gone';
  return changes.reduce<Exclude<SourceChange, 'gone'>>((all, one) => ({ ...all, ...(one as object) }), {});
}

/** What is rightly made once more: a build that was undone and reset, or held and tried again, or whose image or launch was spoiled. */
const remakesOf = (build: Soaked, met: ReadonlySet<string>): Remakes =>
  build.person === 'retry' || build.person === 'reset' || mishapsOf(build, met).some(({ remakes }) => remakes)
    ? { CreateSnapshot: 1, CreateImage: 1, RunInstances: 1 }
    : {};

/** What a build may fail with of which somebody has deleted something: its own word for it, or the cloud's. */
const theftFails = /Gone$|NotFound$/;
/** A build that finds itself without a key before it has changed anything is refused at once. */
const revokedFails = /^AuthFailure/;

/** People have to be told why, and what to do; and a build fails of what was done to it, and of nothing else. */
function unexplained(build: Soaked, met: ReadonlySet<string>): string[] {
  const { planned, end, taken, person } = build;
  if (end.how !== 'failed') return [];
  const reasons = [
    revokedFails,
    ...mishapsOf(build, met).flatMap(({ fails }) => fails ?? []),
    ...(taken.length > 0 ? [theftFails] : []),
  ];
  const code = end.failure?.code ?? end.type;
  const missing = [
    ...(reasons.some((reason) => reason.test(code))
      ? []
      : [`a reason that was given it (${code}; ${person ?? 'nobody'})`]),
    ...(end.type === '' ? ['a type'] : []),
    ...(end.failure === undefined ? ['a report'] : []),
    ...(end.failure?.advice === undefined ? ['advice'] : []),
  ];
  return missing.map((what) => `${planned.spec.instanceId}: failed without ${what} (${end.message})`);
}

/** The region before the soak, with the sources that were put there since, and their disks. */
function withSources(before: RegionState, soaked: Soaked[]): RegionState {
  return {
    ...before,
    instances: [...before.instances, ...soaked.map(({ source }) => source)],
    disks: [...before.disks, ...soaked.flatMap(({ disks }) => disks)],
  };
}

function counts(words: string[]): Record<string, number> {
  const all: Record<string, number> = {};
  for (const word of [...words].sort()) all[word] = (all[word] ?? 0) + 1;
  return all;
}

function fired(armed: { id: string; name: string }[], calls: Call[]): Record<string, number> {
  const met = new Set(calls.flatMap(({ faults }) => faults));
  return counts(armed.filter(({ id }) => met.has(id)).map(({ name }) => name));
}

function throttledShareOf(calls: Call[]): number {
  const own = calls.filter(({ faults }) => faults.length === 0);
  return own.filter(({ outcome }) => outcome.startsWith('RequestLimitExceeded')).length / Math.max(1, own.length);
}
