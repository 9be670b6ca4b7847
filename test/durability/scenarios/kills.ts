import { inPhase, pauseBefore, resume, retry, whenOver } from '../harness/people';
import { freezeWorker, killAll, killInTurn, killTemporal, killWorker, wakeWorker } from '../harness/processes';
import type { Act, Moment, Scenario } from '../harness/scenario';
import { methods, mutations } from './calls';

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

/** A worker that stands still right before a call, is taken for dead, and wakes up when the build is long over. */
const zombies = mutations.instance.map(({ what, ...point }): Scenario => {
  // The answer to the call before it has not reached the worker yet: it will go on from there.
  const index = mutations.instance.findIndex((one) => one.what === what);
  const previous = mutations.instance[index - 1];
  const at: Moment = previous ? { after: previous } : { after: { action: 'DescribeInstances' } };
  return {
    group: 'kills',
    name: `instance · right before ${what} (${point.action}) · worker frozen until the build is over`,
    ends: 'completed',
    site: 'workers',
    worker: { polls: 1 },
    beats: [
      { at, act: freezeWorker },
      {
        at: whenOver,
        act: wakeWorker,
      },
    ],
    ...(what === 'stop' ? { slice: true } : {}),
  };
});

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
    remakes: true,
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

export const killed: Scenario[] = [
  ...deaths,
  ...zombies,
  ...standing,
  ...methods.map((method): Scenario => ({
    group: 'kills',
    name: `${method} · two workers, one killed every two seconds`,
    ends: 'completed',
    spec: { method },
    builds: 10,
    site: 'workers',
    workers: 2,
    limitSeconds: 180,
    beats: [{ at: { called: 'from the start', once: () => Promise.resolve(true) }, act: killInTurn(2) }],
  })),
];
