import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type BuildFailure, type BuildResult, ofImage, type SweepReport, tagKeys } from '../../contract';
import type { Call, RegionState, StateResource } from '../support/simulator';
import type { BuildEnd } from './harness/ending';
import { callBudget, type Check, checks, judge } from './harness/judge';
import type { Play } from './harness/play';
import type { Scenario } from './harness/scenario';

/** What the judge looks at: a good world, of which a test makes a wrong one. */
interface World {
  scenario: Scenario;
  before: RegionState;
  atEnd: RegionState;
  settled: RegionState;
  after: RegionState;
  calls: Call[];
  end: BuildEnd;
  swept: SweepReport;
  injected: Play['injected'];
  unreadable: string[];
  /** What was wrong with the source while the build was held. */
  unrestored: string[];
  details: string;
  events: object[];
  /** IDs of what somebody else made. */
  others: string[];
  /** IDs of what somebody else deleted, or took the build's tag from. */
  taken: string[];
}

const owner = 'durability/build-1';
const kept = { [tagKeys.build]: owner, [tagKeys.state]: 'kept' };
const resource = (id: string, more: Partial<StateResource> = {}): StateResource => ({
  id,
  state: 'NORMAL',
  tags: {},
  ...more,
});
const source = (): StateResource =>
  resource('ins-source01', {
    state: 'RUNNING',
    stoppedMode: 'NOT_APPLICABLE',
    systemDiskId: 'disk-system01',
    dataDiskIds: ['disk-data0001'],
    type: 'S5.MEDIUM4',
    privateIp: '10.0.0.1',
    publicIp: '119.0.0.1',
    tags: { team: 'web' },
  });
const disks = (): StateResource[] => [
  resource('disk-system01', { instanceId: 'ins-source01', size: 50, content: 'system' }),
  resource('disk-data0001', { instanceId: 'ins-source01', size: 100, content: 'data' }),
];
const call = (more: Partial<Call> = {}): Call => ({
  time: '2026-01-01T00:00:00.000Z',
  service: 'cvm',
  action: 'DescribeInstances',
  region: 'ap-tokyo',
  outcome: 'OK',
  applied: true,
  requestId: 'request-1',
  resources: [],
  faults: [],
  ...more,
});
/** What is in the region beside what the build is about. */
const bystander = () => resource('snap-of-other', { diskId: 'disk-of-other', tags: { team: 'db' } });
const before = (): RegionState => ({ instances: [source()], disks: disks(), snapshots: [bystander()], images: [] });
const snapshot = () => resource('snap-data0001', { diskId: 'disk-data0001', content: 'data', tags: { ...kept } });
const implicit = () => resource('snap-system01', { diskId: 'disk-system01', content: 'system' });
const image = () => resource('img-00000001', { snapshots: [{ id: 'snap-system01' }], tags: { ...kept } });
const build = { instanceId: 'ins-source01', spec: {}, handle: { workflowId: 'build' } } as never;
const base = {
  scenario: { group: 'undisturbed', name: 'x', ends: 'completed' } as Scenario,
  calls: [call()],
  swept: { leftovers: [] } as never,
  injected: [],
  unreadable: [],
  unrestored: [],
  details: '',
  events: [],
  others: [],
  taken: [],
};

/** A build that completed, without a launch. */
function completed(): World {
  const made = (): RegionState => ({
    ...before(),
    snapshots: [bystander(), snapshot(), implicit()],
    images: [image()],
  });
  const result = {
    image: { imageId: 'img-00000001', snapshotIds: ['snap-system01'] },
    resources: [
      { type: 'image', id: 'img-00000001', fate: 'kept' },
      { type: 'snapshot', id: 'snap-data0001', fate: 'kept' },
    ],
  } as never as BuildResult;
  const end: BuildEnd = { build, buildId: 'build-1', how: 'completed', result };
  const calls = [call(), asked('CreateImage', 'ins-source01', 'img-00000001')];
  return structuredCloneOf({ ...base, calls, before: before(), atEnd: made(), settled: made(), after: made(), end });
}

/** A build that failed, and left nothing. */
function failed(): World {
  const failure: BuildFailure = {
    buildId: 'build-1',
    code: 'SoldOut',
    message: 'RunInstances: no stock (SoldOut, RequestId request-1)',
    advice: 'Choose another zone.',
    requestId: 'request-1',
    resources: [],
  };
  const end: BuildEnd = {
    build,
    buildId: 'build-1',
    how: 'failed',
    failure,
    type: 'SoldOut',
    message: failure.message,
  };
  const world = structuredCloneOf({
    ...base,
    before: before(),
    atEnd: before(),
    settled: before(),
    after: before(),
    end,
  });
  return {
    ...world,
    scenario: { ...world.scenario, ends: { failed: /SoldOut/ }, says: /another zone/ },
    calls: [call({ action: 'RunInstances', outcome: 'SoldOut' })],
    details: `**${failure.message}**\n\nWhat to do: ${failure.advice}`,
  };
}

const says = (world: World, type: 'image' | 'snapshot', id: string, note?: string) =>
  failureIn(world).resources.push({ type, id, fate: 'kept', ...(note === undefined ? {} : { note }) });

/** A build that failed after its image was usable: image and snapshots stay. */
function launchFailed(): World {
  const world = failed();
  says(world, 'image', 'img-00000001');
  says(world, 'snapshot', 'snap-data0001');
  says(world, 'snapshot', 'snap-system01', ofImage);
  const { atEnd, settled, after } = completed();
  return { ...world, atEnd, settled, after };
}

/** A build that failed and keeps what it had made by then, as it was asked to. */
function keeping(): World {
  const world = failed();
  everywhere(world, ({ snapshots }) => snapshots.push(snapshot()));
  says(world, 'snapshot', 'snap-data0001');
  const end = { ...world.end, build: { ...(build as object), spec: { onFailure: 'keep' } } } as BuildEnd;
  return { ...world, end };
}

function structuredCloneOf(world: World): World {
  const { before, atEnd, settled, after } = world;
  return { ...world, ...structuredClone({ before, atEnd, settled, after }) };
}

/** Judges a world, and answers what is wrong with it, by check. */
async function wrongIn(world: World): Promise<Check[]> {
  const { scenario, before, atEnd, settled, after, calls, end, swept, injected, unreadable, details, events } = world;
  const handle = {
    query: () => Promise.resolve({ currentDetails: details }),
    fetchHistory: () => Promise.resolve({ events }),
  };
  const play = {
    scenario,
    region: 'ap-tokyo',
    since: '2026-01-01T00:00:00.000Z',
    before,
    atEnd,
    settled,
    injected,
    unreadable,
    unrestored: world.unrestored,
    mayRead: unreadable.length > 0,
    others: new Set(world.others),
    taken: new Set(world.taken),
    orphans: new Set<string>(),
    builds: [build],
    cloud: { state: () => Promise.resolve(after), calls: () => Promise.resolve(calls) },
    server: { client: { workflow: { getHandle: () => handle } } },
  } as never as Play;
  const { verdict, problems } = await judge(play, [end], swept);
  const wrong = checks.filter((check) => verdict[check] === 'wrong');
  assert.equal(wrong.length > 0, problems.length > 0);
  return wrong;
}

/** A world that is wrong in one way only. */
interface Wrong {
  what: string;
  check: Check;
  of?: () => World;
  make: (world: World) => void;
}

const everywhere = ({ atEnd, settled, after }: World, change: (state: RegionState) => void) =>
  [atEnd, settled, after].forEach(change);
const inSource = (world: World, change: (source: StateResource) => void) =>
  everywhere(world, ({ instances }) => change(instances.find(({ id }) => id === 'ins-source01')!));
const failureIn = (world: World) => (world.end as Extract<BuildEnd, { failure: BuildFailure | undefined }>).failure!;

const wrongs: Wrong[] = [
  {
    what: 'a fault that did not fire',
    check: 'fired',
    make: ({ injected }) => void injected.push({ what: 'a fault', faultId: 'fault-1' }),
  },
  {
    what: 'a fault that fired nine times of ten',
    check: 'fired',
    make: ({ injected, calls }) => {
      injected.push({ what: 'a fault', faultId: 'fault-1', times: 10 });
      calls.push(...Array.from({ length: 9 }, () => call({ faults: ['fault-1'] })));
    },
  },
  {
    what: 'an act that was not done',
    check: 'fired',
    make: ({ injected }) => void injected.push({ what: 'an act', done: false }),
  },
  {
    what: 'an activity that was to be done twice, and was done once',
    check: 'fired',
    make: (world) => {
      world.scenario = { ...world.scenario, twice: ['pollImage'] };
      world.events = history(1, undefined);
    },
  },
  {
    what: 'an activity that was to be done twice, and was tried again for another reason',
    check: 'fired',
    make: (world) => {
      world.scenario = { ...world.scenario, twice: ['pollImage'] };
      world.events = history(2, 'HeartbeatTimeout');
    },
  },
  {
    what: 'an activity that was to be done twice, and was never done',
    check: 'fired',
    make: (world) => void (world.scenario = { ...world.scenario, twice: ['notify'] }),
  },
  {
    what: 'a hanging build',
    check: 'ended',
    of: failed,
    make: (world) => void (world.end = { build, buildId: 'build-1', how: 'hanging', pending: 'pollImage' }),
  },
  {
    what: 'another end than the expected one',
    check: 'ended',
    make: (world) => void (world.scenario = { ...world.scenario, ends: 'cancelled' }),
  },
  {
    what: 'a failure without a type',
    check: 'ended',
    of: failed,
    make: (world) => {
      world.scenario = { ...world.scenario, ends: 'any' };
      world.end = { ...world.end, type: '' } as BuildEnd;
    },
  },
  {
    what: 'a second image of the build that its result lists',
    check: 'exact',
    make: (world) => {
      everywhere(world, ({ images }) => images.push(resource('img-00000002', { snapshots: [], tags: { ...kept } })));
      resultIn(world).resources.push({ type: 'image', id: 'img-00000002', fate: 'kept' });
    },
  },
  {
    what: 'a missing snapshot',
    check: 'exact',
    make: (world) => {
      everywhere(world, (state) => void (state.snapshots = [bystander(), implicit()]));
      resultIn(world).resources.pop();
    },
  },
  {
    what: 'a torn snapshot',
    check: 'exact',
    make: (world) => everywhere(world, ({ snapshots }) => void (snapshots[1]!.content = 'data\u0000torn')),
  },
  {
    what: 'an image that was made of a running source',
    check: 'exact',
    make: (world) => everywhere(world, ({ snapshots }) => void (snapshots[2]!.content = 'system\u0000torn')),
  },
  {
    what: 'an image that is not tagged as kept',
    check: 'exact',
    make: (world) => everywhere(world, ({ images }) => void (images[0]!.tags[tagKeys.state] = 'pending')),
  },
  {
    what: 'an image that is not usable',
    check: 'exact',
    make: (world) => everywhere(world, ({ images }) => void (images[0]!.state = 'CREATING')),
  },
  {
    what: 'an image that was asked for twice, though there is one',
    check: 'exact',
    make: ({ calls }) => void calls.push(asked('CreateImage', 'ins-source01', 'img-00000009')),
  },
  {
    what: 'a snapshot that a failed build asked for twice, though there is none',
    check: 'exact',
    of: failed,
    make: ({ calls }) => {
      for (const id of ['snap-00000008', 'snap-00000009']) calls.push(asked('CreateSnapshot', 'disk-data0001', id));
    },
  },
  {
    what: 'an instance that was asked for twice, though there is one',
    check: 'exact',
    of: failed,
    make: ({ calls }) => {
      calls.push(asked('CreateImage', 'ins-source01', 'img-00000001'));
      for (const id of ['ins-00000008', 'ins-00000009']) calls.push(asked('RunInstances', 'img-00000001', id));
    },
  },
  {
    what: 'a missing snapshot of a build that failed with its image kept',
    check: 'exact',
    of: launchFailed,
    make: (world) => {
      everywhere(world, (state) => void (state.snapshots = [bystander(), implicit()]));
      failureIn(world).resources.splice(1, 1);
    },
  },
  {
    what: 'an unusable image that a failed build keeps',
    check: 'exact',
    of: launchFailed,
    make: (world) => everywhere(world, ({ images }) => void (images[0]!.state = 'CREATEFAILED')),
  },
  {
    what: 'a torn snapshot that a failed build keeps',
    check: 'exact',
    of: launchFailed,
    make: (world) => everywhere(world, ({ snapshots }) => void (snapshots[1]!.content = 'data\u0000torn')),
  },
  {
    what: 'a second snapshot of a disk that a failed build keeps',
    check: 'exact',
    of: keeping,
    make: (world) => {
      everywhere(world, ({ snapshots }) => snapshots.push({ ...snapshot(), id: 'snap-data0002' }));
      says(world, 'snapshot', 'snap-data0002');
    },
  },
  {
    what: 'a snapshot that a build keeps which failed before there was an image',
    check: 'clean',
    of: failed,
    make: (world) => {
      everywhere(world, ({ snapshots }) => snapshots.push(snapshot()));
      says(world, 'snapshot', 'snap-data0001');
    },
  },
  {
    what: 'a snapshot that a cancelled build keeps, though only what fails is to be kept',
    check: 'clean',
    of: keeping,
    make: (world) => {
      world.end = { ...world.end, how: 'cancelled' } as BuildEnd;
      world.scenario = { ...world.scenario, ends: 'cancelled' };
    },
  },
  {
    what: 'something listed as kept that is tagged as pending',
    check: 'clean',
    of: keeping,
    make: (world) => everywhere(world, ({ snapshots }) => void (snapshots[1]!.tags[tagKeys.state] = 'pending')),
  },
  {
    what: 'something listed as kept that the build only says it could not tag',
    check: 'clean',
    of: keeping,
    make: (world) => {
      everywhere(world, ({ snapshots }) => void (snapshots[1]!.tags[tagKeys.state] = 'pending'));
      failureIn(world).resources[0]!.note = 'not tagged as kept: TagResources';
    },
  },
  {
    what: 'something listed as kept that is not of the build',
    check: 'clean',
    of: launchFailed,
    make: (world) => {
      everywhere(world, ({ snapshots }) => snapshots.push(resource('snap-stray001')));
      says(world, 'snapshot', 'snap-stray001');
    },
  },
  {
    what: 'a snapshot of somebody else that is gone',
    check: 'clean',
    make: (world) => everywhere(world, ({ snapshots }) => void snapshots.shift()),
  },
  {
    what: 'tags of somebody else that were changed',
    check: 'clean',
    make: (world) => everywhere(world, ({ snapshots }) => void (snapshots[0]!.tags = { team: 'web' })),
  },
  {
    what: 'an image that somebody else made meanwhile, and that is gone',
    check: 'clean',
    make: ({ others }) => void others.push('img-of-other'),
  },
  {
    what: 'an extra image',
    check: 'clean',
    make: (world) => everywhere(world, ({ images }) => images.push(resource('img-stray001', { snapshots: [] }))),
  },
  {
    what: 'a snapshot of a failed build',
    check: 'clean',
    of: failed,
    make: (world) => everywhere(world, ({ snapshots }) => snapshots.push(snapshot())),
  },
  {
    what: 'a leftover that the sweep removed, and nothing had listed',
    check: 'clean',
    of: failed,
    make: ({ atEnd, settled }) => [atEnd, settled].forEach(({ snapshots }) => snapshots.push(snapshot())),
  },
  {
    what: 'what was made late, and the sweep removed',
    check: 'clean',
    of: failed,
    make: ({ settled }) => settled.snapshots.push(snapshot()),
  },
  {
    what: 'a leftover that was listed, though nothing kept the cloud from deleting it',
    check: 'clean',
    of: failed,
    make: (world) => {
      [world.atEnd, world.settled].forEach(({ snapshots }) => snapshots.push(snapshot()));
      failureIn(world).resources.push({ type: 'snapshot', id: 'snap-data0001', fate: 'leftover' });
    },
  },
  {
    what: 'a leftover that was listed, and that the sweep did not remove',
    check: 'clean',
    of: failed,
    make: (world) => {
      everywhere(world, ({ snapshots }) => snapshots.push(snapshot()));
      failureIn(world).resources.push({ type: 'snapshot', id: 'snap-data0001', fate: 'leftover' });
    },
  },
  {
    what: 'something listed as kept that is not there',
    check: 'clean',
    of: failed,
    make: (world) => failureIn(world).resources.push({ type: 'snapshot', id: 'snap-data0001', fate: 'kept' }),
  },
  {
    what: 'a sweep that could not put something right',
    check: 'clean',
    make: (world) => void (world.swept = { leftovers: [{ id: 'x', plan: 'delete', outcome: 'left' }] } as never),
  },
  {
    what: 'a source left stopped',
    check: 'restored',
    make: (world) => inSource(world, (one) => void (one.state = 'STOPPED')),
  },
  {
    what: 'a restore tag left',
    check: 'restored',
    make: (world) => inSource(world, ({ tags }) => void (tags[tagKeys.restore] = owner)),
  },
  {
    what: 'a disk detached',
    check: 'restored',
    make: (world) => inSource(world, (one) => void (one.dataDiskIds = [])),
  },
  {
    what: 'another public address',
    check: 'restored',
    make: (world) => inSource(world, (one) => void (one.publicIp = null)),
  },
  {
    what: 'a source that is gone',
    check: 'restored',
    make: (world) => everywhere(world, ({ instances }) => void instances.pop()),
  },
  {
    what: 'a source that only the sweep has started',
    check: 'restored',
    make: ({ settled }) => void (settled.instances[0]!.state = 'STOPPED'),
  },
  {
    what: 'a source that is still there, though somebody terminated it',
    check: 'restored',
    make: (world) => void (world.scenario = { ...world.scenario, changed: 'gone' }),
  },
  {
    what: 'a source that has lost the type that somebody gave it',
    check: 'restored',
    make: (world) => void (world.scenario = { ...world.scenario, changed: { type: 'S5.LARGE8' } }),
  },
  {
    what: 'a restore tag left on a source whose tags somebody changed',
    check: 'restored',
    make: (world) => {
      world.scenario = { ...world.scenario, changed: { tags: { team: 'db' } } };
      inSource(world, (one) => void (one.tags = { team: 'db', [tagKeys.restore]: owner }));
    },
  },
  {
    what: 'a source that was down while its build was held',
    check: 'restored',
    make: ({ unrestored }) => void unrestored.push('STOPPED'),
  },
  {
    what: 'two of a hundred calls refused as too many',
    check: 'polite',
    make: (world) => {
      world.calls = Array.from({ length: 100 }, (_, index) =>
        call(index < 2 ? { outcome: 'RequestLimitExceeded' } : {}),
      );
    },
  },
  {
    what: 'more calls than the budget',
    check: 'polite',
    make: (world) => void (world.calls = Array.from({ length: callBudget + 1 }, () => call())),
  },
  {
    what: 'a missing RequestId',
    check: 'readable',
    of: failed,
    make: (world) => {
      delete failureIn(world).requestId;
    },
  },
  {
    what: 'a RequestId that the UI does not show',
    check: 'readable',
    of: failed,
    make: (world) => {
      const told = failureIn(world);
      told.message = 'no stock';
      world.details = 'no stock';
      world.end = { ...world.end, message: 'no stock' } as BuildEnd;
    },
  },
  {
    what: 'a cause that the UI does not show',
    check: 'readable',
    of: failed,
    make: (world) => void (world.details = 'RequestId request-1'),
  },
  {
    what: 'no advice',
    check: 'readable',
    of: failed,
    make: (world) => {
      world.scenario = { ...world.scenario, says: /stock/ };
      delete failureIn(world).advice;
    },
  },
  {
    what: 'advice that the UI does not show',
    check: 'readable',
    of: failed,
    make: (world) => void (world.details = `**${failureIn(world).message}**`),
  },
  {
    what: 'a code of the cloud that the UI does not show',
    check: 'readable',
    of: failed,
    make: (world) => {
      const told = failureIn(world);
      told.message = 'no stock (RequestId request-1)';
      world.details = `**${told.message}** ${told.advice}`;
      world.end = { ...world.end, message: told.message } as BuildEnd;
    },
  },
  {
    what: 'other words than the scenario asks for',
    check: 'readable',
    of: failed,
    make: (world) => void (world.scenario = { ...world.scenario, says: /balance/ }),
  },
  {
    what: 'a report that is missing',
    check: 'readable',
    of: failed,
    make: (world) => void (world.end = { ...world.end, failure: undefined } as BuildEnd),
  },
  {
    what: 'a build that did not show why it waited',
    check: 'readable',
    make: ({ unreadable }) => void unreadable.push('nothing was to be seen'),
  },
];

const asked = (action: string, ...resources: string[]) => call({ action, resources });
const resultIn = (world: World) => (world.end as Extract<BuildEnd, { how: 'completed' }>).result;

/** Events of an activity that was completed. */
function history(attempt: number, failedBefore: string | undefined): object[] {
  const lastFailure =
    failedBefore === undefined ? {} : { lastFailure: { applicationFailureInfo: { type: failedBefore } } };
  return [
    { eventId: 1, activityTaskScheduledEventAttributes: { activityType: { name: 'pollImage' } } },
    { eventId: 2, activityTaskStartedEventAttributes: { attempt, ...lastFailure } },
    { eventId: 3, activityTaskCompletedEventAttributes: { scheduledEventId: 1, startedEventId: 2 } },
  ];
}

/** A build that failed because somebody else deleted its snapshot when there was an image. */
function deletedByOthers(): World {
  const world = launchFailed();
  everywhere(world, (state) => void (state.snapshots = [bystander(), implicit()]));
  failureIn(world).resources[1]!.fate = 'deleted';
  return { ...world, taken: ['snap-data0001'] };
}

describe('the judge of the scenarios', () => {
  test('finds nothing wrong with good worlds', async () => {
    assert.deepEqual(await wrongIn(completed()), []);
    assert.deepEqual(await wrongIn(failed()), []);
    assert.deepEqual(await wrongIn(launchFailed()), []);
    assert.deepEqual(await wrongIn(keeping()), []);
    assert.deepEqual(await wrongIn(deletedByOthers()), []);
    const twice = { ...completed(), events: history(2, 'AnswerLost') };
    twice.scenario = { ...twice.scenario, twice: ['pollImage'] };
    assert.deepEqual(await wrongIn(twice), []);
  });

  for (const { what, check, of = completed, make } of wrongs) {
    test(`${check}: ${what}`, async () => {
      const world = { ...of(), injected: [], unreadable: [], unrestored: [], others: [], taken: [] };
      world.calls = [...world.calls];
      make(world);
      assert.deepEqual(await wrongIn(world), [check]);
    });
  }

  test('every check can fail', () => {
    assert.deepEqual([...new Set(wrongs.map(({ check }) => check))].sort(), [...checks].sort());
  });
});
