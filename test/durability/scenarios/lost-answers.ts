import { cancel } from '../harness/people';
import type { FaultForm, Scenario } from '../harness/scenario';
import { methods, mutations } from './calls';

/** The client gives up after a second. */
const appliedLate: FaultForm = { kind: 'delay', when: 'before', milliseconds: 1300 };

/** What becomes of a call, so that nobody knows whether it was applied. */
export const losses: { name: string; fault: FaultForm; slice?: boolean }[] = [
  { name: 'the request never arrives', fault: { kind: 'request-lost' } },
  { name: 'applied, and the connection drops', fault: { kind: 'answer-lost' }, slice: true },
  { name: 'applied, and 502 with an empty body', fault: { kind: 'http-502', when: 'after' } },
  {
    name: 'applied, and InternalError',
    fault: { kind: 'error', code: 'InternalError', message: 'an internal error', when: 'after' },
  },
  {
    name: 'RequestLimitExceeded ten times in a row',
    fault: { kind: 'error', code: 'RequestLimitExceeded', message: 'slow down', times: 10 },
  },
  { name: 'applied after the client has given up', fault: appliedLate },
];

const sliced = new Set(['snapshot 3', 'image']);

/** Somebody cancels while a call is on its way: it is given up, and applied when its undoing has begun. */
const cancelledAndLate: Scenario[] = methods.flatMap((method) =>
  mutations[method]
    .filter(({ what }) => method === 'instance' || sliced.has(what))
    .map(({ what, ...call }): Scenario => ({
      group: 'lost answers',
      name: `${method} · ${what} (${call.action}) · applied after the client has given up, and it is cancelled`,
      // The last act of a build may be over before a cancellation is heard.
      ends: what.startsWith('new') ? { either: ['cancelled', 'completed'] } : 'cancelled',
      spec: { method },
      faults: [{ ...call, ...appliedLate }],
      beats: [{ at: { before: call }, act: cancel }],
      ...(what.startsWith('new') ? { slice: true } : {}),
    })),
);

/** The build must find out, and make nothing twice. */
const found: Scenario[] = methods.flatMap((method) =>
  mutations[method].flatMap(({ what, action, nth, contains }) =>
    losses.map(({ name, fault, slice }): Scenario => ({
      group: 'lost answers',
      name: `${method} · ${what} (${action}) · ${name}`,
      ends: 'completed',
      spec: { method },
      faults: [
        { action, ...(nth === undefined ? {} : { nth }), ...(contains === undefined ? {} : { contains }), ...fault },
      ],
      // The two methods differ in what their images are made of; the other calls are the same.
      ...(slice && (method === 'instance' || sliced.has(what)) ? { slice } : {}),
    })),
  ),
);

export const lostAnswers: Scenario[] = [...found, ...cancelledAndLate];
