import { status } from '@grpc/grpc-js';
import { isGrpcServiceError } from '@temporalio/client';
import { setMaxListeners } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { quotaWorkflowId } from '../../../contract';
import type { Threshold } from './door';
import { endOf } from './ending';
import { judge, type Verdict } from './judge';
import { Play } from './play';
import { type Beat, type FaultForm, forEver, type Scenario, titleOf } from './scenario';
import type { Place } from './place';
import type { Server } from './server';
import { accountId, refresh, type Site } from './site';
import { lease, settings } from './timing';
import { sweepAway } from './sweep';
import { openWebhook } from './webhook';

/** What came of a scenario. */
export interface Played {
  scenario: Scenario;
  title: string;
  verdict: Verdict;
  /** What is wrong, each with the check that says so; empty when all is well. */
  problems: string[];
  seconds: number;
  /** How the builds ended: `completed`, `failed: CREATEFAILED`. */
  ended: string[];
  /** API calls, of all builds and the sweep. */
  calls: number;
  /** What was not done in time when it was played before: then nothing had been shown. */
  missed?: string[];
}

const limitDefault = 120;

const late = 'fired: not everything was done in time';

/**
 * Plays a scenario to its end and judges it. Everything that it started or armed is gone afterwards.
 *
 * One of which nothing is wrong but that its moment had passed before the harness came to act is played once more: on a busy machine
 * that happens, and shows nothing, neither good nor bad. That it was, the answer tells.
 */
export async function play(site: Site, scenario: Scenario): Promise<Played> {
  const first = await playOnce(site, scenario);
  const { problems } = first;
  // An act that failed is no act that was late.
  if (!problems.includes(late) || !problems.every((problem) => problem.startsWith('fired: '))) return first;
  return { ...(await playOnce(site, scenario)), missed: problems };
}

async function playOnce(site: Site, scenario: Scenario): Promise<Played> {
  const began = performance.now();
  const { region, giveBack } = await site.lease();
  const where = scenario.site ?? 'shared';
  const wanted = scenario.workers ?? 1;
  const { key, ...form } = scenario.worker ?? {};
  // What is of the scenario's region, or has its webhook, is of no use to another one.
  const isPlain = key === undefined && scenario.webhook === undefined;
  const place =
    where === 'shared'
      ? undefined
      : await site.places.take({ ownServer: where === 'server', workers: isPlain ? wanted : 0, form });
  const { server, taskQueue } = place ?? site;
  const stage = new Play(scenario, site, server, region, taskQueue);
  for (const worker of place?.workers ?? []) stage.employ(worker);
  const problems: string[] = [];
  let isWhole = false;
  try {
    if (scenario.webhook !== undefined) stage.webhook = await openWebhook();
    if (place && !isPlain) await Promise.all(Array.from({ length: wanted }, () => stage.startWorker()));
    const { acting } = await begin(stage);
    const limit = AbortSignal.timeout((scenario.limitSeconds ?? limitDefault) * 1000);
    // Every build waits for it.
    setMaxListeners(0, limit);
    const ended = () => Promise.all(stage.builds.map((build) => endOf(server.client, build, limit)));
    await ended();
    // Acts may go on when the builds are over: a frozen worker that wakes up, a reset.
    const acted = await Promise.race([settled(acting), aborted(limit)]);
    const ends = await ended();
    stage.atEnd = await stage.cloud.state(region);
    stage.over = true;
    if (acted === 'late') problems.push(late);
    else if (acted !== 'done') problems.push(`fired: ${acted.failed}`);
    await release(stage);
    if (place && stage.workers.length === 0) await stage.startWorker();
    const last = ends.some(({ how }) => how === 'terminated') ? lease : 0;
    await pause((last + settings.settleSeconds!) * 1000);
    stage.settled = await stage.cloud.state(region);
    stage.sweptAt = new Date().toISOString();
    const swept = await sweepAway({ client: server.client, region, taskQueue });
    const judged = await judge(stage, ends, swept);
    problems.push(...judged.problems);
    isWhole = problems.length === 0;
    return {
      scenario,
      title: titleOf(scenario),
      verdict: judged.verdict,
      problems,
      seconds: (performance.now() - began) / 1000,
      ended: judged.ended,
      calls: judged.calls,
    };
  } finally {
    stage.over = true;
    await release(stage);
    if (place) {
      await leave(site, place, stage, { isWhole, isPlain });
      if (isWhole || server === site.server) await endQuota(server, region);
    }
    await stage.webhook?.close();
    await refresh(site.cloud, region);
    giveBack();
  }
}

/**
 * Ends the workflow of the region's quota, which lives on for a while: it is bound to the task queue of the scenario, and who builds in
 * the region next may be on another one.
 */
async function endQuota({ client, temporal: { namespace } }: Server, region: string): Promise<void> {
  const workflowId = quotaWorkflowId(accountId, region);
  await client.workflowService
    .deleteWorkflowExecution({ namespace, workflowExecution: { workflowId } })
    .catch((error: unknown) => {
      if (!(isGrpcServiceError(error) && error.code === status.NOT_FOUND)) throw error;
    });
}

/** What a scenario has left whole is for the next one; after one that is not as it must be, all begins anew. */
async function leave(site: Site, place: Place, stage: Play, is: { isWhole: boolean; isPlain: boolean }) {
  const { workers, asSaid } = stage;
  const whole = workers.filter((worker) => is.isWhole && is.isPlain && worker.isWhole && asSaid.has(worker));
  await Promise.all(workers.filter((worker) => !whole.includes(worker)).map((worker) => worker.kill()));
  if (is.isWhole) site.places.giveBack(place, whole);
  else await site.places.close({ ...place, workers: [] });
}

/** Puts everything in place, starts the builds, and answers the acts that follow. */
async function begin(stage: Play): Promise<{ acting: Promise<void> }> {
  const { scenario } = stage;
  const foreign = await armed(stage);
  if (foreign.length > 0) throw new Error(`armed before anything was: ${JSON.stringify(foreign)}`);
  const keys: string[] = [];
  for (let count = scenario.builds ?? 1; count > 0; count -= 1) keys.push(await stage.addSource());
  stage.key = keys[0]!;
  stage.before = await stage.cloud.state(stage.region);
  // In this order: a call that is held and then delayed is held first, while its client still waits for it.
  const beats = scenario.beats ?? [];
  const holds = await Promise.all(beats.map((beat) => holdFor(stage, beat)));
  const lasting = beats.flatMap(({ at }) => ('once' in at ? (at.lasts ?? []) : []));
  for (const form of [...(scenario.faults ?? []), ...lasting]) {
    stage.injected.push({
      what: `${form.kind}${form.action ? ` of ${form.action}` : ''}`,
      faultId: await stage.arm(form),
      times: timesOf(form),
    });
  }
  await Promise.all(keys.map((key) => stage.start(key)));
  const acting = act(stage, beats, holds);
  // Told where it is awaited, when the builds are over.
  acting.catch(() => undefined);
  return { acting };
}

/** A fault that is armed for ever meets one call at least, any other as many as it is armed for. */
const timesOf = ({ times = 1 }: FaultForm) => (Number(times) >= forEver ? 1 : Number(times));

function holdFor(stage: Play, { at }: Beat): Promise<Threshold | undefined> {
  if ('before' in at) return stage.hold(at.before, 'before');
  if ('after' in at) return stage.hold(at.after, 'after');
  return Promise.resolve(undefined);
}

async function act(stage: Play, beats: Beat[], holds: (Threshold | undefined)[]): Promise<void> {
  const list = beats.map(({ at, act }) => ({ what: `${act.name} ${momentOf(at)}`, done: false }));
  stage.injected.push(...list);
  for (const [index, { at, act }] of beats.entries()) {
    const held = holds[index];
    const met = await (held ? held.met : 'once' in at && stage.until(() => at.once(stage)));
    if (!met) return;
    const then = await act.do(stage);
    held?.open();
    if (typeof then === 'function') await (then as () => Promise<unknown>)();
    list[index]!.done = true;
  }
}

function momentOf(at: Beat['at']): string {
  if ('once' in at) return at.called;
  const [when, { action, nth }] = 'before' in at ? (['before', at.before] as const) : (['after', at.after] as const);
  return `${when} ${action}${nth === undefined || nth === 1 ? '' : ` ${nth}`}`;
}

/** Lets go of everything that waits, and disarms everything that is armed here. */
async function release(stage: Play): Promise<void> {
  for (const threshold of stage.holds) threshold.open();
  for (const { id } of await armed(stage)) {
    await stage.cloud.send('DELETE', `faults/${id}`).catch(() => undefined);
  }
}

async function armed(stage: Play): Promise<Armed[]> {
  const { faults } = (await stage.cloud.send('GET', 'faults')) as { faults: Armed[] };
  const here = [`:${stage.region}:`, ...(stage.key === '' ? [] : [stage.key])];
  return faults.filter(
    ({ region, contains = '' }) => region === stage.region || here.some((text) => contains.includes(text)),
  );
}

interface Armed {
  id: string;
  region?: string;
  contains?: string;
}

const settled = (acting: Promise<void>) =>
  acting.then(
    () => 'done' as const,
    (error: unknown) => ({ failed: told(error) }),
  );

/** Later than what is settled already. */
const aborted = (signal: AbortSignal) =>
  new Promise<'late'>((resolve) => {
    const end = () => setImmediate(resolve, 'late');
    if (signal.aborted) end();
    else signal.addEventListener('abort', end, { once: true });
  });

const told = (error: unknown) => (error instanceof Error ? error.message : String(error));
