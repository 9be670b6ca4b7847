import { findIn, someoneElse } from '../harness/cloud';
import { type CallPoint, forEver, type Scenario } from '../harness/scenario';
import type { Mutation } from './calls';
import { imageFails } from './steps';

/** A build that is undone: what brings that about, and the calls by which it is undone. */
export interface Undoing extends Pick<Scenario, 'spec' | 'faults' | 'beats' | 'ends'> {
  name: string;
  /** Calls that change something before the failure, by action. */
  before: string[];
  undo: Mutation[];
}

/** The new instance cannot be tagged as kept. */
const newDisks: CallPoint = { action: 'TagResources', contains: ':{region}:uin/100000000001:volume/' };
const launchUntagged = [
  {
    ...newDisks,
    kind: 'error',
    code: 'InvalidParameterValue.TagKeyNotFound',
    message: 'no such tag key',
    // A client that was held for longer than it waits asks again.
    times: forEver,
  },
];
const dryRun = 'RunInstances (dry run)';
const stopped = [dryRun, 'TagResources', 'StopInstances'];
const start: Mutation[] = [
  { action: 'StartInstances', what: 'start' },
  { action: 'UnTagResources', what: 'restore tag, taken away' },
];
const deleteImage: Mutation = { action: 'DeleteImages', what: 'image' };
const deleteSnapshots = (count: number): Mutation[] =>
  Array.from({ length: count }, (_, index) => ({
    action: 'DeleteSnapshots',
    nth: index + 1,
    what: `snapshot ${index + 1}`,
  }));
const terminate: Mutation = { action: 'TerminateInstances', what: 'new instance' };
const snapshotted = (count: number) => Array<string>(count).fill('CreateSnapshot');
const built = [
  ...stopped,
  ...snapshotted(2),
  'CreateImage',
  'TagResources',
  'StartInstances',
  'UnTagResources',
  'RunInstances',
];

/**
 * Every call by which something is undone. That there are no others is checked like that of the calls of a build: in
 * the undisturbed scenarios.
 */
export const undoings: Undoing[] = [
  {
    name: 'instance · the image fails',
    faults: [imageFails],
    ends: { failed: /^ImageCreateFailed$/ },
    before: [...stopped, ...snapshotted(2), 'CreateImage'],
    undo: [...start, deleteImage, ...deleteSnapshots(2)],
  },
  {
    name: 'snapshots · the image fails',
    spec: { method: 'snapshots' },
    faults: [imageFails],
    ends: { failed: /^ImageCreateFailed$/ },
    before: [...stopped, ...snapshotted(3), 'StartInstances', 'UnTagResources', 'CreateImage'],
    undo: [deleteImage, ...deleteSnapshots(3)],
  },
  {
    name: 'snapshots · a snapshot is refused',
    spec: { method: 'snapshots' },
    faults: [
      { action: 'CreateSnapshot', nth: 3, kind: 'error', code: 'InsufficientSnapshotQuota', message: 'no room' },
    ],
    ends: { failed: /^InsufficientSnapshotQuota$/ },
    before: [...stopped, ...snapshotted(2)],
    undo: [...start, ...deleteSnapshots(2)],
  },
  {
    name: 'instance · the image fails, and is kept',
    spec: { onFailure: 'keep' },
    faults: [imageFails],
    ends: { failed: /^ImageCreateFailed$/ },
    before: [...stopped, ...snapshotted(2), 'CreateImage'],
    undo: [...start, { action: 'TagResources', nth: 2, what: 'what is kept, tagged' }],
  },
  {
    name: 'instance · the launch fails',
    faults: launchUntagged,
    ends: { failed: /^InvalidParameterValue\.TagKeyNotFound$/ },
    before: built,
    undo: [terminate],
  },
  {
    name: 'instance · the launch fails, and its data disks were detached',
    faults: launchUntagged,
    beats: [
      {
        at: { before: newDisks },
        act: someoneElse('detach-disk', findIn.launchedDataDisks),
      },
    ],
    ends: { failed: /^InvalidParameterValue\.TagKeyNotFound$/ },
    before: built,
    undo: [
      terminate,
      { action: 'TerminateDisks', what: 'disk 1' },
      { action: 'TerminateDisks', nth: 2, what: 'disk 2' },
    ],
  },
];

/** Each undoing with the calls in which it differs from those before it: where lost answers and kills are played. */
export const undoCalls = undoings.map(({ undo, ...undoing }, index) => {
  const seen = new Set(undoings.slice(0, index).flatMap((one) => one.undo.map(callName)));
  const method = undoing.spec?.method ?? 'instance';
  const isNew = (call: Mutation) =>
    index < 2 || !seen.has(callName(call)) || (method === 'snapshots' && /^(Start|UnTag)/.test(call.action));
  return { ...undoing, calls: undo.filter(isNew) };
});

function callName({ action, nth = 1 }: Mutation): string {
  return `${action} ${nth}`;
}
