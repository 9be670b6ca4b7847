import { killWorker } from '../harness/processes';
import { terminate, whenOver } from '../harness/people';
import type { CallPoint, Scenario } from '../harness/scenario';
import { beginSweep, nothingIsLeft, sweptOnce } from '../harness/sweep';
import { losses } from './lost-answers';

/** What a sweep does about a build that was terminated, call by call, and when it was terminated so that this has to be done. */
const calls: { action: string; terminatedAfter: CallPoint }[] = [
  { action: 'StartInstances', terminatedAfter: { action: 'CreateImage' } },
  { action: 'UnTagResources', terminatedAfter: { action: 'CreateImage' } },
  { action: 'DeleteImages', terminatedAfter: { action: 'CreateImage' } },
  { action: 'DeleteSnapshots', terminatedAfter: { action: 'CreateSnapshot', nth: 2 } },
  { action: 'TerminateInstances', terminatedAfter: { action: 'RunInstances', contains: '/{key}-' } },
];

const ofCall = ({ terminatedAfter }: (typeof calls)[number]) => ({
  first: [
    { at: { after: terminatedAfter }, act: terminate },
    { at: whenOver, act: beginSweep },
  ],
  last: { at: sweptOnce, act: nothingIsLeft },
});

/** The sweep is what everybody relies on at last: whatever meets it, one is enough. */
export const sweeps: Scenario[] = calls.flatMap((call) => {
  const { first, last } = ofCall(call);
  return [
    ...losses.map(({ name, fault }): Scenario => ({
      group: 'sweeps',
      name: `${call.action} · ${name}`,
      ends: 'terminated',
      faults: [{ action: call.action, ...fault }],
      beats: [...first, last],
    })),
    ...(['before', 'after'] as const).map((when): Scenario => ({
      group: 'sweeps',
      name: `${call.action} · worker killed right ${when} it`,
      ends: 'terminated',
      site: 'workers',
      beats: [
        ...first,
        {
          at: when === 'before' ? { before: { action: call.action } } : { after: { action: call.action } },
          act: killWorker,
        },
        last,
      ],
      ...(when === 'after' && call.action === 'DeleteImages' ? { slice: true } : {}),
    })),
  ];
});
