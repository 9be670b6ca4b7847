import { aboutToCall, freezeWorker, killWorker, refusedTwice, serverDeaths, wakeWorker } from '../harness/processes';
import { findIn, someoneElse } from '../harness/cloud';
import { both, terminate, whenOver } from '../harness/people';
import { type Beat, type CallPoint, type FaultForm, forEver, type Scenario } from '../harness/scenario';
import { beginSweep, nothingIsLeft, sweptOnce } from '../harness/sweep';
import { losses } from './lost-answers';
import { describedLate } from './steps';

/** The tag that says that the new instance and its disks are kept: it does not arrive. */
const keep: CallPoint = { action: 'TagResources', contains: ':{region}:uin/100000000001:volume/' };
/** A data disk of a new instance, which somebody has detached: it no longer goes with it. */
const detached = {
  // Whoever was at it may ask once more before it hears that its build is terminated.
  faults: [{ ...keep, kind: 'request-lost', times: forEver }],
  terminated: {
    at: { before: keep },
    act: both(someoneElse('detach-disk', findIn.launchedDataDisks), terminate),
  } satisfies Beat,
};

/** What a sweep does about a build that was terminated, call by call, and when it was terminated so that this has to be done. */
const calls: { action: string; terminatedAfter?: CallPoint; terminated?: Beat; faults?: FaultForm[] }[] = [
  { action: 'StartInstances', terminatedAfter: { action: 'CreateImage' } },
  { action: 'UnTagResources', terminatedAfter: { action: 'CreateImage' } },
  { action: 'DeleteImages', terminatedAfter: { action: 'CreateImage' } },
  { action: 'DeleteSnapshots', terminatedAfter: { action: 'CreateSnapshot', nth: 2 } },
  { action: 'TerminateInstances', terminatedAfter: { action: 'RunInstances', contains: '/{key}-' } },
  { action: 'TerminateDisks', ...detached },
];

const ofCall = ({ terminatedAfter, terminated }: (typeof calls)[number]) => ({
  first: [terminated ?? { at: { after: terminatedAfter! }, act: terminate }, { at: whenOver, act: beginSweep }],
  last: { at: sweptOnce, act: nothingIsLeft },
});

/** The sweep is what everybody relies on at last: whatever meets it, one is enough. */
export const sweeps: Scenario[] = calls.flatMap((call) => {
  const { first, last } = ofCall(call);
  const { action, faults = [] } = call;
  return [
    ...losses.map(({ name, fault }): Scenario => ({
      group: 'sweeps',
      name: `${action} · ${name}`,
      ends: 'terminated',
      faults: [{ action, ...fault }, ...faults],
      beats: [...first, last],
    })),
    {
      group: 'sweeps',
      name: `${action} · described as before for 30 s`,
      ends: 'terminated',
      faults: [{ action, ...describedLate }, ...faults],
      beats: [...first, last],
    },
    ...(['before', 'after'] as const).map((when): Scenario => ({
      group: 'sweeps',
      name: `${action} · worker killed right ${when} it`,
      ends: 'terminated',
      site: 'workers',
      faults,
      beats: [
        ...first,
        {
          at: when === 'before' ? { before: { action: action } } : { after: { action: action } },
          act: killWorker,
        },
        last,
      ],
      ...(when === 'after' && action === 'DeleteImages' ? { slice: true } : {}),
    })),
    ...serverDeaths.map(({ victim, act }): Scenario => ({
      group: 'sweeps',
      name: `${action} · right after it · ${victim}`,
      ends: 'terminated',
      site: 'server',
      faults,
      beats: [...first, { at: { after: { action: action } }, act }, last],
    })),
    {
      group: 'sweeps',
      name: `${action} · worker frozen until the sweep is over`,
      ends: 'terminated',
      site: 'workers',
      worker: aboutToCall.worker,
      limitSeconds: 240,
      faults: [{ action, ...aboutToCall.refused }, ...faults],
      beats: [...first, { at: refusedTwice, act: freezeWorker }, { at: sweptOnce, act: wakeWorker }, last],
    },
  ];
});
