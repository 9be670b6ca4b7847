import assert from 'node:assert/strict';
import { type Amendment, type StepName, tagKeys } from '../../../contract';
import {
  type ActivityName,
  both,
  cancel,
  inPhase,
  pauseActivity,
  pauseBefore,
  pauseRefused,
  resetActivity,
  resetPaused,
  resetTo,
  resetToLast,
  resume,
  retry,
  startNext,
  terminate,
  unpauseActivity,
  whenOver,
  whileWaiting,
} from '../harness/people';
import type { Play } from '../harness/play';
import { lookHeld } from '../harness/readable';
import type { Beat, CallPoint, End, Ends, FaultForm, Moment, Remakes, Scenario } from '../harness/scenario';
import { beginSweep, sweptOnce } from '../harness/sweep';
import { lagOf } from '../harness/timing';
import { methods, mutations } from './calls';
import { imageFails, lateTags, type Method, pointsOf, refusals, type StepPoint, waits } from './steps';

/** The next build has started the source: no sweep was needed. */
const upWithoutSweep = (play: Play) => {
  const source = play.settled.instances.find(({ id }) => id === play.build.instanceId);
  assert.equal(source?.state, 'RUNNING', 'the source before the sweep');
  return Promise.resolve();
};

const people = (name: string, rest: Omit<Scenario, 'group' | 'name'>): Scenario => ({ group: 'people', name, ...rest });
const before = (call: CallPoint): Moment => ({ before: call });
/** What differs between the methods comes with both, the rest with the one that keeps the source down longer. */
const differs = ({ step }: StepPoint) => ['createImage', 'restoreInstance', 'keepResources'].includes(step);
const pointsOfBoth = methods.flatMap((method) =>
  pointsOf(method)
    .filter((point) => method === 'instance' || differs(point))
    .map((point) => ({ method, ...point })),
);
const at = (method: Method, { step, what }: Pick<StepPoint, 'step' | 'what'>) => `${method} · ${step}, ${what}`;

/** A build that fails and is being undone, and one whose launch is: the calls that undoing makes. */
const undoing: { what: string; call: CallPoint; ends: End; faults?: FaultForm[]; beats?: Beat[] }[] = [
  ...['StartInstances', 'UnTagResources', 'DeleteImages', 'DeleteSnapshots'].map((action) => ({
    what: action,
    call: { action },
    faults: [imageFails],
    ends: { failed: /^ImageCreateFailed$/ },
  })),
  {
    what: 'TerminateInstances',
    call: { action: 'TerminateInstances' },
    ends: 'cancelled',
    faults: waits.filter(({ step }) => step === 'launchInstance').map(({ slow }) => slow),
    beats: [{ at: whileWaiting('launchInstance'), act: cancel }],
  },
];

/** Which activity deletes what a build has made. */
const undoers: Record<string, ActivityName> = {
  DeleteImages: 'undoCreateImage',
  DeleteSnapshots: 'undoSnapshotDisks',
  TerminateInstances: 'undoLaunchInstance',
};

/** The last act of a build may be over before a cancellation is heard. */
const cancelledOr = ({ what }: Pick<StepPoint, 'what'>): Ends =>
  what.startsWith('new') ? { either: ['cancelled', 'completed'] } : 'cancelled';

const cancelled: Scenario[] = [
  ...pointsOfBoth.map(({ method, call, ...point }) =>
    people(`cancel · ${at(method, point)}`, {
      ends: cancelledOr(point),
      spec: { method },
      beats: [{ at: before(call), act: cancel }],
      ...(method === 'instance' && point.step === 'createImage' ? { slice: true } : {}),
    }),
  ),
  ...waits.map(({ step, slow }) =>
    people(`cancel · instance · ${step}, waiting`, {
      ends: 'cancelled',
      faults: [slow],
      beats: [{ at: whileWaiting(step), act: cancel }],
    }),
  ),
  ...undoing.map(({ what, call, beats = [], ...rest }) =>
    people(`cancel · while it is being undone · ${what}`, {
      ...rest,
      beats: [...beats, { at: before(call), act: cancel }],
    }),
  ),
  people('cancel · while it is held', {
    ends: 'cancelled',
    spec: { onFailure: 'hold' },
    faults: [imageFails],
    beats: [{ at: inPhase('held'), act: cancel }],
  }),
];

/** The place where a build will stand when it is asked to in this step; undefined: there is none any more. */
function placeAfter(method: Method, step: ActivityName, what: string): StepName | undefined {
  if (step === 'inspectSource' || step === 'checkQuota') return 'shutdownInstance';
  if (step === 'launchInstance' || what.startsWith('new')) return undefined;
  const isBeforeImage = ['shutdownInstance', 'snapshotDisks', 'restoreInstance'].includes(step);
  return method === 'snapshots' && isBeforeImage ? 'createImage' : 'launchInstance';
}

const paused: Scenario[] = [
  ...methods.flatMap((method) =>
    pointsOf(method).map(({ step, what, call }) => {
      const place = placeAfter(method, step, what);
      return people(`pause · ${at(method, { step, what })}`, {
        ends: 'completed',
        spec: { method },
        beats: place
          ? [
              { at: before(call), act: pauseBefore(place) },
              { at: inPhase('paused'), act: resume },
            ]
          : [{ at: before(call), act: pauseRefused('NothingToPause') }],
        ...(method === 'instance' && what === 'image' ? { slice: true } : {}),
      });
    }),
  ),
  ...waits
    .filter(({ step }) => step !== 'launchInstance')
    .map(({ step, slow }) =>
      people(`pause · instance · ${step}, waiting`, {
        ends: 'completed',
        faults: [slow],
        beats: [
          { at: whileWaiting(step), act: pauseBefore(placeAfter('instance', step, '')!) },
          { at: inPhase('paused'), act: resume },
        ],
      }),
    ),
  // While it stands before its image, its source up again.
  ...[
    { name: 'cancelled', acts: [cancel], ends: 'cancelled' as const },
    { name: 'terminated', acts: [terminate], ends: 'terminated' as const },
    // Temporal hands what was asked for to the new run, so that one stands, too.
    { name: 'reset to snapshotDisks', acts: [resetTo('snapshotDisks'), resume], ends: 'completed' as const },
    { name: 'reset to inspectSource', acts: [resetTo('inspectSource'), resume], ends: 'completed' as const },
  ].map(({ name, acts, ends }) =>
    people(`pause · snapshots · while it stands it is ${name}`, {
      ends,
      spec: { method: 'snapshots' },
      ...(name.startsWith('reset') ? { remakes: { CreateSnapshot: 1 } } : {}),
      beats: [
        { at: before({ action: 'CreateSnapshot' }), act: pauseBefore('createImage') },
        ...acts.map((act) => ({ at: inPhase('paused'), act })),
      ],
    }),
  ),
  // The other method stands before its launch, its image kept.
  ...(['inspectSource', 'shutdownInstance', 'createImage', 'keepResources'] as const).map((step) =>
    people(`pause · instance · while it stands it is reset to ${step}`, {
      ends: 'completed',
      beats: [
        { at: before({ action: 'CreateImage' }), act: pauseBefore('launchInstance') },
        ...[resetTo(step), resume].map((act) => ({ at: inPhase('paused'), act })),
      ],
    }),
  ),
  people('pause · instance without a launch · createImage, image', {
    ends: 'completed',
    spec: { launch: undefined },
    beats: [{ at: before({ action: 'CreateImage' }), act: pauseRefused('NothingToPause') }],
  }),
  ...undoing.map(({ what, call, beats = [], ...rest }) =>
    people(`pause · while it is being undone · ${what}`, {
      ...rest,
      beats: [...beats, { at: before(call), act: pauseRefused('Ending') }],
    }),
  ),
  people('pause · while it is held', {
    ends: 'completed',
    spec: { onFailure: 'hold' },
    faults: [imageFails],
    beats: [
      { at: inPhase('held'), act: pauseRefused('Held') },
      { at: inPhase('held'), act: retry({}) },
    ],
    remakes: { CreateSnapshot: 1, CreateImage: 1 },
  }),
];

const terminated: Scenario[] = [
  ...methods.flatMap((method) =>
    mutations[method].flatMap(({ what, ...call }) =>
      // The build goes on from the answer to one call to the next one, if its lease lasts.
      (method === 'instance' ? (['before', 'after'] as const) : (['after'] as const)).map((when) =>
        people(`terminate · ${method} · right ${when} ${what} (${call.action})`, {
          ends: 'terminated',
          spec: { method },
          beats: [{ at: when === 'before' ? { before: call } : { after: call }, act: terminate }],
          ...(method === 'instance' && when === 'after' && ['restore tag', 'image'].includes(what)
            ? { slice: true }
            : {}),
        }),
      ),
    ),
  ),
  // The last call is on its way, and the cloud takes its time with it: by then nobody of the build is there any more.
  ...mutations.instance
    .filter(({ what }) => ['restore tag', 'stop', 'snapshot 1', 'image', 'launch'].includes(what))
    .map(({ what, ...call }) =>
      people(`terminate · instance · right before ${what} (${call.action}), which is applied late`, {
        ends: 'terminated',
        faults: [{ ...call, kind: 'delay', when: 'before', milliseconds: 1300 }],
        beats: [{ at: before(call), act: terminate }],
        ...(what === 'stop' ? { slice: true } : {}),
      }),
    ),
  ...waits.map(({ step, slow }) =>
    people(`terminate · instance · ${step}, waiting`, {
      ends: 'terminated',
      faults: [slow],
      beats: [{ at: whileWaiting(step), act: terminate }],
    }),
  ),
  ...undoing.map(({ what, call, faults = [], beats = [] }) =>
    people(`terminate · while it is being undone · ${what}`, {
      ends: 'terminated',
      faults,
      beats: [...beats, { at: before(call), act: terminate }],
    }),
  ),
  people('terminate · while it is held', {
    ends: 'terminated',
    spec: { onFailure: 'hold' },
    faults: [imageFails],
    beats: [{ at: inPhase('held'), act: terminate }],
  }),
  ...['restore tag', 'stop', 'image', 'start'].map((what) => {
    const { call } = pointsOf('instance').find((one) => one.what === what)!;
    return people(`terminate · and the next build begins at once · right after ${what} (${call.action})`, {
      ends: { each: ['terminated', 'completed'] },
      beats: [{ at: { after: call }, act: both(terminate, startNext) }],
      also: upWithoutSweep,
    });
  }),
  // The next build finds the source down, and the tag that says why is yet to show.
  people('terminate · and the next build begins at once · right after stop, and tags show 30 s late', {
    ends: { each: ['terminated', 'completed'] },
    faults: [lateTags],
    beats: [{ at: { after: { action: 'StopInstances' } }, act: both(terminate, startNext) }],
    also: upWithoutSweep,
  }),
];

const launchAmendment: Amendment = { launch: { name: 'second-try' } };
/** No two scenarios take the same name: what one leaves is there when another one uses its region. */
const imageAmendment: Amendment = { name: 'second-try-{key}', description: 'mended', tags: { mended: 'yes' } };

/** What a retry was to change is changed. */
async function amended(play: Play): Promise<void> {
  const { images, instances } = await play.cloud.state(play.region);
  const isNew = ({ id }: { id: string }) =>
    !play.before.images.concat(play.before.instances).some((one) => one.id === id);
  const [image] = images.filter(isNew);
  const [instance] = instances.filter(isNew).filter(({ state }) => state === 'RUNNING');
  const told = [image?.name, image?.description, image?.tags.mended, instance?.name];
  const byLaunch = instance?.name === 'second-try';
  assert.ok(
    byLaunch || told.slice(0, 3).join() === `${play.fill('second-try-{key}')},mended,yes`,
    `not amended: ${told.join()}`,
  );
}

/** What a retry makes again: the source was up while the build was held, so that its disks are copied again; or it is spoiled. */
function remadeAfter(method: Method, step: ActivityName, what: string | undefined): Remakes | undefined {
  const copies = method === 'instance' ? { CreateSnapshot: 1 } : {};
  if (step === 'snapshotDisks') return { CreateSnapshot: 1 };
  if (step === 'createImage') return copies;
  if (step === 'pollImage') return { CreateImage: 1, ...copies };
  return step === 'launchInstance' && what !== 'refused' ? { RunInstances: 1 } : undefined;
}

const held: Scenario[] = methods.flatMap((method) =>
  refusals
    .filter(({ step }) => method === 'instance' || ['createImage', 'pollImage', 'snapshotDisks'].includes(step))
    .map(({ step, what, fault, spec, code }) => {
      const remakes = remadeAfter(method, step, what);
      const committed = ['keepResources', 'launchInstance'].includes(step);
      return people(`hold, mend, retry · ${method} · ${step}${what === undefined ? '' : `, ${what}`}`, {
        ends: 'completed',
        spec: { method, onFailure: 'hold', ...spec },
        faults: [fault],
        beats: [
          { at: inPhase('held'), act: lookHeld(code) },
          { at: inPhase('held'), act: retry(committed ? launchAmendment : imageAmendment) },
        ],
        ...(remakes ? { remakes } : {}),
        also: amended,
        ...(method === 'instance' && step === 'pollImage' ? { slice: true } : {}),
      });
    }),
);

/** The activities of a build in the order in which they are scheduled. */
const scheduled: Record<Method, ActivityName[]> = {
  instance: [
    'inspectSource',
    'checkQuota',
    'shutdownInstance',
    'snapshotDisks',
    'createImage',
    'pollImage',
    'keepResources',
    'restoreInstance',
    'launchInstance',
  ],
  snapshots: [
    'inspectSource',
    'checkQuota',
    'shutdownInstance',
    'snapshotDisks',
    'restoreInstance',
    'createImage',
    'pollImage',
    'keepResources',
    'launchInstance',
  ],
};

/** Those by which a build is undone whose image fails; with `snapshots` its source is up by then. */
const undone: Record<Method, ActivityName[]> = {
  instance: ['restoreInstance', 'undoCreateImage', 'undoSnapshotDisks'],
  snapshots: ['undoCreateImage', 'undoSnapshotDisks'],
};

const slowly = (step: ActivityName) => waits.filter((one) => one.step === step).map(({ slow }) => slow);

interface ResetMoment {
  name: string;
  /** The activity that is at work then. */
  until: ActivityName;
  at: Moment;
  faults?: FaultForm[];
  slice?: ActivityName;
}

/** When a build is reset: while its source is down, while it starts or is up again, and when all is over. */
const resetMoments: Record<Method, ResetMoment[]> = {
  instance: [
    { name: 'source down', until: 'createImage', at: { before: { action: 'CreateImage' } }, slice: 'inspectSource' },
    {
      name: 'image being made',
      until: 'pollImage',
      at: whileWaiting('pollImage'),
      faults: slowly('pollImage'),
      slice: 'shutdownInstance',
    },
    { name: 'about to start', until: 'restoreInstance', at: { before: { action: 'StartInstances' } } },
    {
      name: 'source starting',
      until: 'restoreInstance',
      at: whileWaiting('restoreInstance'),
      faults: slowly('restoreInstance'),
    },
    { name: 'source up', until: 'launchInstance', at: { after: { action: 'RunInstances', contains: '/{key}-' } } },
    { name: 'completed', until: 'launchInstance', at: whenOver, slice: 'snapshotDisks' },
  ],
  snapshots: [
    { name: 'source down', until: 'snapshotDisks', at: { after: { action: 'CreateSnapshot', nth: 3 } } },
    { name: 'about to start', until: 'restoreInstance', at: { before: { action: 'StartInstances' } } },
    { name: 'source up', until: 'createImage', at: { before: { action: 'CreateImage' } } },
    { name: 'image being made', until: 'pollImage', at: whileWaiting('pollImage'), faults: slowly('pollImage') },
    { name: 'completed', until: 'launchInstance', at: whenOver },
  ],
};

/** What the build has made and still has, each with how often its source had been stopped by then. */
async function downTimes(play: Play): Promise<{ id: string; stops: number; last: number }[]> {
  const calls = await play.cloud.calls({ since: play.since, region: play.region });
  const applied = calls.filter(({ applied }) => applied);
  const { images, snapshots } = await play.cloud.state(play.region);
  // The region has seen other builds before this one.
  const before = new Set([...play.before.images, ...play.before.snapshots].map(({ id }) => id));
  const owned = [...images, ...snapshots].filter(
    ({ id, tags }) => tags[tagKeys.build] !== undefined && !before.has(id),
  );
  assert.ok(owned.length > 0, 'there is something to look at');
  const stopsIn = (some: typeof applied) => some.filter(({ action }) => action === 'StopInstances').length;
  return owned.map(({ id }) => {
    const made = applied.findIndex(({ action, resources }) => action.startsWith('Create') && resources.includes(id));
    return { id, stops: stopsIn(applied.slice(0, made)), last: stopsIn(applied) };
  });
}

/** Nothing that the build has was copied before the last stop of its source. */
const ofLastDownTime = async (play: Play) => {
  for (const { id, stops, last } of await downTimes(play)) assert.equal(stops, last, `${id} is of the last down-time`);
};

/** All copies of its disks are of one moment; the image is made of them, when the source is up again. */
const ofOneDownTime = async (play: Play) => {
  const copies = (await downTimes(play)).filter(({ id }) => id.startsWith('snap-'));
  assert.equal(new Set(copies.map(({ stops }) => stops)).size, 1, `copies of one down-time: ${JSON.stringify(copies)}`);
};

/** An image of an instance is of the moment of its copies; one that is made of copies may be of an earlier down-time than the last. */
const ofOneMoment = { instance: ofLastDownTime, snapshots: ofOneDownTime };

/** When a build is terminated that is reset afterwards, and to what. */
const terminations: { name: string; at: Moment; steps: ActivityName[] }[] = [
  { name: 'before its image', at: before({ action: 'CreateImage' }), steps: ['inspectSource', 'snapshotDisks'] },
  {
    name: 'after its image',
    at: { after: { action: 'CreateImage' } },
    steps: ['inspectSource', 'snapshotDisks', 'createImage'],
  },
  {
    name: 'after its launch',
    at: { after: { action: 'RunInstances', contains: '/{key}-' } },
    steps: ['inspectSource', 'createImage', 'restoreInstance', 'launchInstance'],
  },
];

const resets: Scenario[] = [
  ...methods.flatMap((method) =>
    resetMoments[method].flatMap(({ name, until, at: moment, faults = [], slice }) =>
      scheduled[method].slice(0, scheduled[method].indexOf(until) + 1).map((step) =>
        people(`reset · ${method} · ${name} · to ${step}`, {
          ends: 'completed',
          spec: { method },
          faults,
          beats: [{ at: moment, act: resetTo(step) }],
          ...(step === slice ? { slice: true } : {}),
        }),
      ),
    ),
  ),
  // Undone builds: the source is up, and what later steps stood on is gone.
  ...methods.flatMap((method) =>
    scheduled[method].slice(0, scheduled[method].indexOf('pollImage') + 1).map((step) =>
      people(`reset · ${method} · failed and undone · to ${step}`, {
        ends: 'completed',
        spec: { method },
        faults: [imageFails],
        beats: [{ at: whenOver, act: resetTo(step) }],
      }),
    ),
  ),
  // To where it was being undone: it fails as before, and is undone as before.
  ...methods.flatMap((method) =>
    undone[method].map((step) =>
      people(`reset · ${method} · failed and undone · to ${step}`, {
        ends: { failed: /^ImageCreateFailed$/ },
        spec: { method },
        faults: [imageFails],
        beats: [{ at: whenOver, act: resetTo(step) }],
      }),
    ),
  ),
  // The last but one of its activities; the first of that name keeps the image.
  ...methods.map((method) =>
    people(`reset · ${method} · completed · to the launch's keepResources`, {
      ends: 'completed',
      spec: { method },
      beats: [{ at: whenOver, act: resetToLast('keepResources') }],
    }),
  ),
  ...methods.flatMap((method) =>
    (['inspectSource', 'shutdownInstance', 'snapshotDisks', 'createImage'] as const).map((step) =>
      people(`reset · ${method} · held · to ${step}`, {
        ends: 'completed',
        spec: { method, onFailure: 'hold' },
        faults: [imageFails],
        beats: [{ at: inPhase('held'), act: resetTo(step) }],
        also: ofOneMoment[method],
      }),
    ),
  ),
  // There are copies, and no image of their moment.
  ...methods.flatMap((method) =>
    (['inspectSource', 'shutdownInstance', 'createImage'] as const).map((step) =>
      people(`reset · ${method} · held without an image · to ${step}`, {
        ends: 'completed',
        spec: { method, onFailure: 'hold' },
        faults: refusals.filter(({ step }) => step === 'createImage').map(({ fault }) => fault),
        beats: [{ at: inPhase('held'), act: resetTo(step) }],
        also: ofOneMoment[method],
      }),
    ),
  ),
  ...methods.flatMap((method) =>
    terminations.flatMap(({ name, at: moment, steps }) =>
      steps.map((step) =>
        people(`reset · ${method} · terminated ${name} · to ${step}`, {
          ends: 'completed',
          spec: { method },
          beats: [
            { at: moment, act: terminate },
            { at: whenOver, act: resetTo(step) },
          ],
        }),
      ),
    ),
  ),
  ...methods.flatMap((method) =>
    (['inspectSource', 'snapshotDisks', 'createImage'] as const).map((step) =>
      people(`reset · ${method} · cancelled and undone · to ${step}`, {
        ends: 'completed',
        spec: { method },
        beats: [
          { at: before({ action: 'CreateImage' }), act: cancel },
          { at: whenOver, act: resetTo(step) },
        ],
        // Whatever was made was undone; copies of a source that is up are noticed when they are made.
        remakes: { CreateSnapshot: step === 'snapshotDisks' ? 2 : 1, CreateImage: 1 },
      }),
    ),
  ),
  ...methods.flatMap((method) =>
    (['inspectSource', 'createImage'] as const).map((step) =>
      people(`reset · ${method} · terminated and swept · to ${step}`, {
        ends: 'completed',
        spec: { method },
        beats: [
          { at: before({ action: 'CreateImage' }), act: terminate },
          { at: whenOver, act: beginSweep },
          { at: sweptOnce, act: resetTo(step) },
        ],
        remakes: { CreateSnapshot: 1, CreateImage: 1 },
      }),
    ),
  ),
  people('reset · instance · completed, its name has a time · to inspectSource', {
    ends: 'completed',
    spec: { image: { name: 'golden-{date}-{time}' } },
    beats: [{ at: whenOver, act: resetTo('inspectSource') }],
  }),
];

/** The source was stopped so many times, and no more. */
const stopped = (times: number) => async (play: Play) => {
  const calls = await play.cloud.calls({ since: play.since, region: play.region });
  const stops = calls.filter(
    ({ action, applied, resources }) =>
      action === 'StopInstances' && applied && resources.includes(play.build.instanceId),
  );
  assert.equal(stops.length, times, 'stops of the source');
};

/** Resets, each when the build is over. */
const resetInTurn = (...steps: ActivityName[]): Beat[] => steps.map((step) => ({ at: whenOver, act: resetTo(step) }));

/**
 * Builds that were held, mended and completed, and are then reset to what they did before that. What they have kept is of a later
 * try and bears other names than the run after the reset would look for. It is taken up whole: nothing is made again, and the
 * source is not stopped.
 */
const resetAfterRetry: Scenario[] = [
  ...methods.flatMap((method) =>
    [
      ...scheduled[method].slice(0, scheduled[method].indexOf('pollImage') + 1).map((step) => [step]),
      ...(method === 'instance' ? [['snapshotDisks', 'inspectSource'] as ActivityName[]] : []),
    ].map((steps) =>
      people(`reset · ${method} · retried and completed · to ${steps.join(', then to ')}`, {
        ends: 'completed',
        spec: { method, onFailure: 'hold' },
        faults: [imageFails],
        beats: [{ at: inPhase('held'), act: retry(imageAmendment) }, ...resetInTurn(...steps)],
        remakes: remadeAfter(method, 'pollImage', undefined)!,
        also: async (play) => {
          await amended(play);
          await stopped(method === 'instance' ? 2 : 1)(play);
        },
        ...(method === 'instance' && steps.join() === 'shutdownInstance' ? { slice: true } : {}),
      }),
    ),
  ),
  ...(['inspectSource', 'snapshotDisks', 'keepResources', 'launchInstance'] as const).map((step) =>
    people(`reset · instance · launched again and completed · to ${step}`, {
      ends: 'completed',
      spec: { onFailure: 'hold' },
      faults: refusals.filter(({ what }) => what === 'LAUNCH_FAILED').map(({ fault }) => fault),
      beats: [{ at: inPhase('held'), act: retry(launchAmendment) }, ...resetInTurn(step)],
      remakes: { RunInstances: 1 },
      also: async (play) => {
        await amended(play);
        await stopped(1)(play);
      },
    }),
  ),
  // Its image is kept: that is taken up, whatever it is reset to, and only the launch is made again.
  ...methods.flatMap((method) =>
    scheduled[method].map((step) =>
      people(`reset · ${method} · its launch failed and undone · to ${step}`, {
        ends: 'completed',
        spec: { method },
        faults: refusals.filter(({ what }) => what === 'LAUNCH_FAILED').map(({ fault }) => fault),
        beats: resetInTurn(step),
        remakes: { RunInstances: 1 },
        also: stopped(1),
      }),
    ),
  ),
  // The first reset begins anew, as a later try; the second one finds what that has kept.
  people('reset · instance · failed and undone · to createImage, then to shutdownInstance', {
    ends: 'completed',
    faults: [imageFails],
    beats: resetInTurn('createImage', 'shutdownInstance'),
    remakes: { CreateSnapshot: 1, CreateImage: 1 },
    also: stopped(2),
  }),
];

/** What had been undone is made again; what is there is taken up, unless the source has been up since. */
const reset = [...resetAfterRetry, ...resets.map(withRemakes)];

function withRemakes(scenario: Scenario): Scenario {
  const { name } = scenario;
  // The source is up: copies of its disks are torn, and made once more with the source down.
  if (name.endsWith('failed and undone · to snapshotDisks')) {
    return { ...scenario, remakes: { CreateSnapshot: 2, CreateImage: 1 } };
  }
  if (/ (failed and undone|held) /.test(name)) return { ...scenario, remakes: { CreateSnapshot: 1, CreateImage: 1 } };
  return name.includes('snapshots · source up') ? { ...scenario, remakes: { CreateSnapshot: 1 } } : scenario;
}

const once = (called: string, look: (play: Play) => Promise<boolean>): Moment => ({ called, once: look });
const atOnce = once('at once', () => Promise.resolve(true));

/** Somebody pauses an activity at that moment, and lets it go on. */
const pausedFor = (at: Moment, step: ActivityName): Beat[] => [
  { at, act: pauseActivity(step) },
  { at: atOnce, act: unpauseActivity(step) },
];

/** Calls on which an activity is at work when somebody pauses or resets it. */
const inCalls = pointsOfBoth.filter(({ what }) => ['stop', 'snapshot 1', 'image', 'start', 'launch'].includes(what));
/** The same, where the call only marks. */
const inMarks = pointsOfBoth.filter(({ what }) => /(, kept|taken away)$/.test(what));

/** A place in one method; most are with the one that keeps the source down longer. */
const placeOf = ({ method, step }: { method: Method; step: ActivityName }) =>
  method === 'instance' ? step : `${method} · ${step}`;

/** What the call changes or makes is not described for half a minute, as that weighs against the settle window. */
const shownLate = (call: CallPoint): FaultForm => ({
  ...call,
  kind: /^(Stop|Start)/.test(call.action) ? 'write-lag' : 'describe-lag',
  milliseconds: lagOf(30),
});

const activities: Scenario[] = [
  ...waits.flatMap(({ step, slow }) => [
    people(`activity · ${step}, waiting · paused and unpaused`, {
      ends: 'completed',
      faults: [slow],
      beats: pausedFor(whileWaiting(step), step),
      ...(step === 'pollImage' ? { slice: true } : {}),
    }),
    people(`activity · ${step}, waiting · reset`, {
      ends: 'completed',
      faults: [slow],
      beats: [{ at: whileWaiting(step), act: resetActivity(step) }],
    }),
  ]),
  ...inCalls.flatMap(({ method, step, what, call }) => [
    people(`activity · ${placeOf({ method, step })}, before ${what} · paused and unpaused`, {
      ends: 'completed',
      spec: { method },
      beats: pausedFor(before(call), step),
    }),
    people(`activity · ${placeOf({ method, step })}, after ${what} · reset, and describes lag`, {
      ends: 'completed',
      spec: { method },
      faults: [shownLate(call)],
      beats: [{ at: { after: call }, act: resetActivity(step) }],
    }),
    // It is paused in the answer to its call, so that nobody has heard it, and begins as a first attempt.
    people(`activity · ${placeOf({ method, step })}, after ${what} · paused, reset and unpaused, and describes lag`, {
      ends: 'completed',
      spec: { method },
      faults: [shownLate(call)],
      beats: [
        { at: { after: call }, act: pauseActivity(step) },
        { at: atOnce, act: resetPaused(step) },
        { at: atOnce, act: unpauseActivity(step) },
      ],
    }),
  ]),
  // One that only looks may be done before it hears of the pause.
  ...pointsOf('instance')
    .filter(({ step }) => ['inspectSource', 'checkQuota'].includes(step))
    .map(({ step, what, call }) =>
      people(`activity · ${step}, after ${what} · reset`, {
        ends: 'completed',
        beats: [{ at: { after: call }, act: resetActivity(step) }],
      }),
    ),
  ...inMarks.flatMap(({ method, step, what, call }) => [
    people(`activity · ${placeOf({ method, step })}, before ${what} · paused and unpaused`, {
      ends: 'completed',
      spec: { method },
      beats: pausedFor(before(call), step),
    }),
    people(`activity · ${placeOf({ method, step })}, after ${what} · reset`, {
      ends: 'completed',
      spec: { method },
      beats: [{ at: { after: call }, act: resetActivity(step) }],
    }),
  ]),
  ...undoing
    .map((one) => ({ ...one, step: undoers[one.what] }))
    .flatMap(({ what, step, call, beats = [], ...rest }) =>
      step === undefined
        ? []
        : [
            people(`activity · ${step}, before ${what} · paused and unpaused`, {
              ...rest,
              beats: [...beats, ...pausedFor(before(call), step)],
            }),
            people(`activity · ${step}, after ${what} · reset`, {
              ...rest,
              beats: [...beats, { at: { after: call }, act: resetActivity(step) }],
            }),
          ],
    ),
  people('activity · restoreInstance of the undo, waiting · paused and unpaused', {
    ends: { failed: /^ImageCreateFailed$/ },
    faults: [imageFails, { action: 'StartInstances', kind: 'slow', factor: 30 }],
    beats: pausedFor(whileWaiting('restoreInstance'), 'restoreInstance'),
  }),
];

/** What people do, in every state of a build. */
export const peopleScenarios: Scenario[] = [...cancelled, ...paused, ...terminated, ...held, ...reset, ...activities];
