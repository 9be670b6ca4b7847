import { type ActivityName, inPhase, pauseBefore, resume, retry, takenOver, whenOver } from '../harness/people';
import {
  aboutToCall,
  freezeWorker,
  killAll,
  killInTurn,
  killTemporal,
  killWorker,
  refusedTwice,
  wakeWorker,
} from '../harness/processes';
import type { Act, Moment, Scenario } from '../harness/scenario';
import { heartbeat, scaledTo } from '../harness/timing';
import { methods, mutations } from './calls';
import { describesLag, pointsOf } from './steps';

const kills: { name: string; act: Act; site: 'workers' | 'server' }[] = [
  { name: 'worker', act: killWorker, site: 'workers' },
  { name: 'Temporal server', act: killTemporal, site: 'server' },
  { name: 'all at once', act: killAll, site: 'server' },
];

/** Processes that die right before and right after each call that changes something. */
const deaths = methods.flatMap((method) =>
  mutations[method].flatMap(({ what, ...point }) =>
    (['before', 'after'] as const).flatMap((when) =>
      kills.map(({ name, act, site }): Scenario => ({
        group: 'kills',
        name: `${method} · right ${when} ${what} (${point.action}) · ${name}`,
        ends: 'completed',
        spec: { method },
        site,
        beats: [{ at: when === 'before' ? { before: point } : { after: point }, act }],
        ...(method === 'instance' && when === 'after' && isSliced(what, name) ? { slice: true } : {}),
      })),
    ),
  ),
);

/** One call a kind of resource, and the server where a kill hurts most. */
function isSliced(what: string, victim: string): boolean {
  if (victim === 'worker') return ['stop', 'snapshot 1', 'image', 'launch'].includes(what);
  return what === 'image';
}

/** When a worker that stands still wakes up. */
const wakings: { name: string; at: (step: ActivityName) => Moment }[] = [
  { name: 'the build is over', at: () => whenOver },
  { name: 'another worker is at the same step', at: takenOver },
];

/**
 * A worker that stands still while it is about to make a call, and is taken for dead. It is refused the call a few times, so that it is
 * in the very activity, between two attempts: when it wakes up, the next thing that it has in mind is this call.
 */
const zombies = methods.flatMap((method) =>
  pointsOf(method)
    .filter(({ call }) => /^(?!Describe)/.test(call.action))
    .flatMap(({ step, what, call }) =>
      wakings.map(({ name, at }): Scenario => ({
        group: 'kills',
        name: `${method} · about to make ${what} (${call.action}) · worker frozen until ${name}`,
        ends: 'completed',
        spec: { method },
        site: 'workers',
        worker: aboutToCall.worker,
        // What was handed to the frozen worker comes back late, and the pauses are long.
        limitSeconds: 240,
        faults: [{ ...call, ...aboutToCall.refused }],
        beats: [
          { at: refusedTwice, act: freezeWorker },
          { at: at(step), act: wakeWorker },
        ],
        ...(what === 'stop' ? { slice: true } : {}),
      })),
    ),
);

/** A worker that dies while the build waits for people. */
const standing: Scenario[] = [
  {
    group: 'kills',
    name: 'the build is held · worker',
    ends: 'completed',
    spec: { onFailure: 'hold' },
    site: 'workers',
    faults: [{ action: 'CreateImage', kind: 'image-fails' }],
    beats: [
      { at: inPhase('held'), act: killWorker },
      { at: inPhase('held'), act: retry({}) },
    ],
    remakes: { CreateSnapshot: 1, CreateImage: 1 },
  },
  {
    group: 'kills',
    name: 'the build is paused · worker',
    ends: 'completed',
    site: 'workers',
    beats: [
      { at: { before: { action: 'DescribeDisks' } }, act: pauseBefore('shutdownInstance') },
      { at: inPhase('paused'), act: killWorker },
      { at: inPhase('paused'), act: resume },
    ],
  },
];

/** The request of a worker that dies never arrives: nobody but the cloud knows that nothing was done. */
const unheard = methods.flatMap((method) =>
  mutations[method].map(({ what, ...point }): Scenario => ({
    group: 'kills',
    name: `${method} · right before ${what} (${point.action}), which never arrives · worker`,
    ends: 'completed',
    spec: { method },
    site: 'workers',
    faults: [{ ...point, kind: 'request-lost' }],
    beats: [{ at: { before: point }, act: killWorker }],
  })),
);

/** What ships, in proportion to the time after which a worker counts as dead here. */
const dead = scaledTo(heartbeat);

/**
 * A worker dies after its call was applied and before that shows, and the next one is at work while it still does not: as with the settings
 * that ship, describes lag for longer (30 s) than it takes to notice a death (20 s), and settling takes longer (45 s).
 */
const unseen = methods.flatMap((method) =>
  mutations[method]
    .filter(({ what }) => ['stop', 'snapshot 1', 'image', 'start', 'launch'].includes(what))
    .map(({ what, ...point }): Scenario => ({
      group: 'kills',
      name: `${method} · right after ${what} (${point.action}) · worker, and describes lag until another is at work`,
      ends: 'completed',
      spec: { method },
      site: 'workers',
      worker: { settings: { settleSeconds: dead.settleSeconds } },
      faults: describesLag(dead.lagSeconds * 1000),
      beats: [{ at: { after: point }, act: killWorker }],
    })),
);

export const killed: Scenario[] = [
  ...deaths,
  ...unheard,
  ...unseen,
  ...zombies,
  ...standing,
  ...methods.map((method): Scenario => ({
    group: 'kills',
    name: `${method} · two workers, one killed every two seconds`,
    ends: 'completed',
    spec: { method },
    builds: 4,
    site: 'workers',
    workers: 2,
    limitSeconds: 180,
    beats: [{ at: { called: 'from the start', once: () => Promise.resolve(true) }, act: killInTurn(2) }],
  })),
];
