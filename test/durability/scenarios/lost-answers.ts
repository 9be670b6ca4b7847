import type { FaultForm, Scenario } from '../harness/scenario';
import { methods, mutations } from './calls';

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
  // The client gives up after a second.
  { name: 'applied after the client has given up', fault: { kind: 'delay', when: 'before', milliseconds: 1300 } },
];

const sliced = new Set(['snapshot 3', 'image']);

/** The build must find out, and make nothing twice. */
export const lostAnswers: Scenario[] = methods.flatMap((method) =>
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
