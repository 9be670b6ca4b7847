import { resetTo } from '../harness/people';
import type { CallPoint, FaultForm, Moment, Scenario } from '../harness/scenario';
import { methods } from './calls';
import { imageFails, type Method } from './steps';

/** A build that undoes what it has made, or starts the source of a held one, and the calls on which it is at work then. */
interface Unwinding extends Pick<Scenario, 'spec'> {
  name: string;
  calls: string[];
}

const unwindings: Record<Method, Unwinding[]> = {
  instance: [
    { name: 'while it is undone', calls: ['StartInstances', 'DeleteImages', 'DeleteSnapshots'] },
    { name: 'held, its source not up yet', spec: { onFailure: 'hold' }, calls: ['StartInstances'] },
  ],
  // Its source is up before there is an image.
  snapshots: [{ name: 'while it is undone', calls: ['DeleteImages', 'DeleteSnapshots'] }],
};

/** From the start, with copies that may be gone or torn, and with an image that may be. */
const targets = ['inspectSource', 'snapshotDisks', 'createImage'] as const;

/** The cloud takes its time with the call that the run before was at: it is applied when the new one is at work. */
const appliedLate = (call: CallPoint): FaultForm => ({ ...call, kind: 'delay', when: 'before', milliseconds: 1300 });

/**
 * Builds that are reset while what they made is being undone: half of it is gone, the source is about to start, and what the run
 * before was just doing comes to its end beside the new one. The image and its copies are made once more, and again when the source
 * turns out to be up.
 */
export const resetsInUndo: Scenario[] = methods.flatMap((method) =>
  unwindings[method].flatMap(({ name, spec, calls }) =>
    calls.flatMap((action) =>
      targets.flatMap((step) =>
        [false, true].map((late): Scenario => {
          const call: CallPoint = { action };
          const at: Moment = { before: call };
          return {
            group: 'people',
            name: `reset · ${method} · ${name}, before ${action}${late ? ', which is applied late' : ''} · to ${step}`,
            ends: 'completed',
            spec: { method, ...spec },
            // In this order: the call is held first, while its client still waits for it.
            faults: [...(late ? [appliedLate(call)] : []), imageFails],
            beats: [{ at, act: resetTo(step) }],
            remakes: { CreateSnapshot: 2, CreateImage: 2 },
          };
        }),
      ),
    ),
  ),
);
