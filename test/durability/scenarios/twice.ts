import assert from 'node:assert/strict';
import type { StepName } from '../../../contract';
import { findIn, slowImage, someoneElse } from '../harness/cloud';
import { cancel } from '../harness/people';
import { forEver, type Moment, type Scenario, type Twice } from '../harness/scenario';
import { methods } from './calls';
import { undoings } from './undoings';

/** The steps of a build with launch. */
const steps: StepName[] = [
  'inspectSource',
  'checkQuota',
  'shutdownInstance',
  'snapshotDisks',
  'createImage',
  'pollImage',
  'keepResources',
  'restoreInstance',
  'launchInstance',
];
type UndoName = 'restoreInstance' | 'undoSnapshotDisks' | 'undoCreateImage' | 'undoLaunchInstance';

const twice = (which: Twice, more: Omit<Scenario, 'group'>): Scenario => ({ group: 'twice', twice: which, ...more });

/** Each activity of a build is executed twice, alone and all of them together. */
const inBuild = methods.flatMap((method) =>
  [...steps.map((step) => [step]), 'all' as const].map((which) =>
    twice(which, {
      name: `${method} · ${which === 'all' ? 'all activities' : which[0]!}`,
      ends: 'completed',
      spec: { method },
      ...(which === 'all' ? { slice: method === 'instance' } : {}),
    }),
  ),
);

/** A build that is cancelled at a call. */
interface Cancelled {
  name: string;
  at: Moment;
  undo: UndoName[];
}

const launched: Moment = { after: { action: 'RunInstances', contains: '/{key}-' } };

const cancelled: Record<(typeof methods)[number], Cancelled[]> = {
  instance: [
    {
      name: 'after the snapshots',
      at: { before: { action: 'CreateImage' } },
      undo: ['restoreInstance', 'undoSnapshotDisks', 'undoCreateImage'],
    },
    {
      name: 'in the image',
      at: { after: { action: 'CreateImage' } },
      undo: ['restoreInstance', 'undoSnapshotDisks', 'undoCreateImage'],
    },
    { name: 'in the launch', at: launched, undo: ['undoLaunchInstance'] },
  ],
  snapshots: [
    {
      name: 'in the snapshots',
      at: { after: { action: 'CreateSnapshot', nth: 3 } },
      undo: ['restoreInstance', 'undoSnapshotDisks'],
    },
    {
      name: 'in the image',
      at: { after: { action: 'CreateImage' } },
      undo: ['undoSnapshotDisks', 'undoCreateImage'],
    },
    { name: 'in the launch', at: launched, undo: ['undoLaunchInstance'] },
  ],
};

/** Builds that are cancelled late, with every activity of their undoing executed twice. */
const inCancelled = methods.flatMap((method) =>
  cancelled[method].flatMap(({ name, at, undo }) =>
    [undo, 'all' as const].map((which) =>
      twice(which, {
        name: `${method} · cancelled ${name} · ${which === 'all' ? 'all activities' : 'each undo'}`,
        ends: 'cancelled',
        spec: { method },
        beats: [{ at, act: cancel }],
      }),
    ),
  ),
);

/** Builds that fail, with each undo executed twice. */
const undoOf: Record<string, string[]> = {
  'instance · the image fails': ['restoreInstance', 'undoSnapshotDisks', 'undoCreateImage'],
  'snapshots · the image fails': ['undoSnapshotDisks', 'undoCreateImage'],
  'snapshots · a snapshot is refused': ['restoreInstance', 'undoSnapshotDisks'],
  'instance · the image fails, and is kept': ['restoreInstance', 'keepResources'],
  'instance · the launch fails': ['undoLaunchInstance'],
  'instance · the launch fails, and its data disks were detached': ['undoLaunchInstance'],
};

const inFailed = undoings.flatMap(({ name, spec, faults = [], beats = [], ends }) => {
  const each = undoOf[name]!;
  // Of the first one each undo also by itself.
  const alone = name === 'instance · the image fails' ? each.map((undo) => [undo]) : [];
  return [...alone, each, 'all' as const].map((which) =>
    twice(which, {
      name: `undo · ${name} · ${which === 'all' ? 'all activities' : which === each ? 'each undo' : which[0]!}`,
      ends,
      ...(spec ? { spec } : {}),
      // An image that has failed while it was made twice is replaced: that one is to fail as well.
      faults: faults.map((fault) => (fault.kind === 'image-fails' ? { ...fault, times: forEver } : fault)),
      beats,
      ...(which === 'all' && faults.some(({ kind }) => kind === 'image-fails') ? { remakes: { CreateImage: 1 } } : {}),
    }),
  );
});

/** An image that fails while the step that made it is done again: it is replaced, and the build goes on. */
const replaced = twice(['createImage'], {
  name: 'instance · createImage · the image has failed meanwhile',
  remakes: { CreateImage: 1 },
  ends: 'completed',
  beats: [
    {
      at: {
        called: 'before createImage is done again',
        lasts: slowImage,
        once: async (play) => {
          const { images } = await play.cloud.state(play.region);
          return images.some(({ name, state }) => name === play.fill('image-{key}') && state === 'CREATING');
        },
      },
      act: someoneElse('fail-image', findIn.images),
    },
  ],
});

/** A webhook hears of one event twice, under one ID. */
const notified: Scenario = {
  ...twice(['notify'], {
    name: 'instance · notify, of a build that is held in vain',
    ends: { failed: /^ImageCreateFailed$/ },
    spec: { onFailure: 'hold', notify: 'ops', deadlines: { hold: 3 } },
    faults: [{ action: 'CreateImage', kind: 'image-fails' }],
    also: (play) => {
      const heard = play.webhook!.heard.map(({ id, type }) => `${type} ${id}`);
      assert.equal(heard.length, 2, 'deliveries');
      assert.equal(heard[0], heard[1]);
      assert.match(heard[0]!, /^build\.held /);
      return Promise.resolve();
    },
  }),
  site: 'workers',
  webhook: 'ops',
};

export const twiceOver: Scenario[] = [...inBuild, ...inCancelled, ...inFailed, replaced, notified];
