import { whenOver } from '../harness/people';
import { aboutToCall, freezeWorker, killWorker, refusedTwice, serverDeaths, wakeWorker } from '../harness/processes';
import type { Scenario } from '../harness/scenario';
import type { Mutation } from './calls';
import { losses } from './lost-answers';
import { describedLate } from './steps';
import { undoCalls } from './undoings';

/** Nobody knows whether a call of the undoing was applied; what was made is gone all the same, and the source is up. */
export const lostInUndo = undoCalls.flatMap(({ name, spec, faults = [], beats = [], ends, calls }) =>
  calls.flatMap(({ what, action, nth }) =>
    losses.map(({ name: how, fault, slice }): Scenario => ({
      group: 'lost answers',
      name: `undo · ${name} · ${what} (${action}) · ${how}`,
      ends,
      ...(spec ? { spec } : {}),
      faults: [...faults, { action, ...(nth === undefined ? {} : { nth }), ...fault }],
      beats,
      ...(slice && name === 'instance · the image fails' ? { slice } : {}),
    })),
  ),
);

/** A worker that dies right before or right after a call of the undoing. */
export const killedInUndo = undoCalls.flatMap(({ name, spec, faults = [], beats = [], ends, calls }) =>
  calls.flatMap(({ what, ...point }) =>
    (['before', 'after'] as const).map((when): Scenario => ({
      group: 'kills',
      name: `undo · ${name} · worker · right ${when} ${what} (${point.action})`,
      ends,
      ...(spec ? { spec } : {}),
      faults,
      site: 'workers',
      beats: [...beats, { at: when === 'before' ? { before: point } : { after: point }, act: killWorker }],
      ...(what === 'image' && when === 'after' && spec === undefined ? { slice: true } : {}),
    })),
  ),
);

/** What the undoing deletes is still described for half a minute: who asks for it once more hears that there is no such thing. */
export const lateInUndo = undoCalls.flatMap(({ name, spec, faults = [], beats = [], ends, calls }) =>
  calls
    .filter(({ action }) => /^(Delete|Terminate)/.test(action))
    .map(({ what, ...point }): Scenario => ({
      group: 'bad luck in the cloud',
      name: `undo · ${name} · ${what} (${point.action}) · described for 30 s after it is gone`,
      ends,
      ...(spec ? { spec } : {}),
      faults: [...faults, { ...point, ...describedLate }],
      beats,
    })),
);

/** Whatever else may die or stand still while a build is undone, at each of its calls. */
export const otherDeathsInUndo = undoCalls.flatMap((undoing) =>
  undoing.calls.flatMap((call) => otherDeathsAt(undoing, call)),
);

function otherDeathsAt(
  { name, spec, ends, faults = [], beats = [] }: (typeof undoCalls)[number],
  { what, ...point }: Mutation,
): Scenario[] {
  const about = `undo · ${name} · ${what} (${point.action})`;
  const method = spec ? { spec } : {};
  return [
    ...serverDeaths.map(({ victim, act }): Scenario => ({
      group: 'kills',
      name: `${about} · ${victim}`,
      ends,
      ...method,
      faults,
      site: 'server',
      beats: [...beats, { at: { after: point }, act }],
    })),
    {
      group: 'kills',
      name: `${about} · worker frozen until the build is over`,
      ends,
      ...method,
      site: 'workers',
      worker: aboutToCall.worker,
      limitSeconds: 240,
      faults: [{ ...point, ...aboutToCall.refused }, ...faults],
      beats: [...beats, { at: refusedTwice, act: freezeWorker }, { at: whenOver, act: wakeWorker }],
    },
  ];
}
