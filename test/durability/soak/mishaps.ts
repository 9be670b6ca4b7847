import type { BuildSpecInput } from '../../../contract';
import type { Scenario, FaultForm } from '../harness/scenario';
import { lagOf } from '../harness/timing';

/** Something that goes wrong in one build. `{key}` in its texts is the tail of the instance ID. */
export interface Mishap {
  name: string;
  fault: FaultForm;
  /** What it changes about the source, which is then not held to be as it was. */
  changed?: Scenario['changed'];
  /** What the spec has to say for it. */
  spec?: Pick<BuildSpecInput, 'stopType'>;
  /** There is an image of somebody else, `img-{key}`. */
  bystander?: boolean;
  /** The image never gets usable by itself. */
  stuck?: boolean;
  /** No waiting mends it: the build fails, or is held. */
  refused?: boolean;
  /** What a build may fail with that has met it. */
  fails?: RegExp;
  /** What a step had made is spoiled, so that a second attempt of it rightly makes another. */
  remakes?: boolean;
}

/** Every call that changes something, with the text that only one build's requests contain. */
const points: { action: string; contains: string }[] = [
  { action: 'TagResources', contains: 'instance/ins-{key}' },
  { action: 'StopInstances', contains: 'ins-{key}' },
  { action: 'CreateSnapshot', contains: 'cib-{key}-' },
  { action: 'CreateImage', contains: 'image-{key}' },
  { action: 'StartInstances', contains: 'ins-{key}' },
  { action: 'UnTagResources', contains: 'instance/ins-{key}' },
  { action: 'RunInstances', contains: '/{key}-' },
];

/** The answer of a call that changes something is lost or late. */
export const losses: { name: string; fault: FaultForm }[] = [
  { name: 'request lost', fault: { kind: 'request-lost' } },
  { name: 'answer lost', fault: { kind: 'answer-lost' } },
  { name: '502 after applying', fault: { kind: 'http-502', when: 'after' } },
  {
    name: 'InternalError after applying',
    fault: { kind: 'error', code: 'InternalError', message: 'oops', when: 'after' },
  },
  {
    name: 'throttled ten times',
    fault: { kind: 'error', code: 'RequestLimitExceeded', message: 'slow down', times: 10 },
  },
  { name: 'applied late', fault: { kind: 'delay', when: 'before', milliseconds: 1300 } },
];

const [, stop, snapshot, image, start, , launch] = points as [Point, Point, Point, Point, Point, Point, Point];
type Point = (typeof points)[number];

const error = (code: string, times = 1): FaultForm => ({
  kind: 'error',
  code,
  message: `${code}, says the test`,
  times,
});
const someone = (act: string, more: Record<string, unknown> = {}): FaultForm => ({
  kind: 'interfere',
  when: 'after',
  interference: { act, id: 'ins-{key}', ...more },
});

export const mishaps: Mishap[] = [
  ...points.flatMap((point) => losses.map(({ name, fault }) => ({ name, fault: { ...point, ...fault } }))),
  {
    name: 'image CREATEFAILED',
    fault: { ...image, kind: 'image-fails' },
    refused: true,
    remakes: true,
    fails: /^ImageCreateFailed$/,
  },
  {
    name: 'image never finishes',
    fault: { ...image, kind: 'image-never-finishes' },
    stuck: true,
    fails: /^DeadlineExceeded$/,
  },
  { name: 'soft stop fails', fault: { ...stop, kind: 'soft-stop-fails' } },
  {
    name: 'soft stop fails, and no other is allowed',
    fault: { ...stop, kind: 'soft-stop-fails' },
    spec: { stopType: 'SOFT' },
    refused: true,
    fails: /^StopFailed$/,
  },
  { name: 'stop ignored', fault: { ...stop, kind: 'stop-ignored' } },
  {
    name: 'launch fails',
    fault: { ...launch, kind: 'launch-fails' },
    refused: true,
    remakes: true,
    // It is shown for a second, in which nobody may have looked.
    fails: /^(LaunchFailed|InstanceGone)$/,
  },
  { name: 'sold out three times', fault: { ...launch, ...error('ResourceInsufficient.SpecifiedInstanceType', 3) } },
  { name: 'no permission three times', fault: { ...snapshot, ...error('UnauthorizedOperation', 3) } },
  {
    name: 'snapshot quota',
    fault: { ...snapshot, ...error('InsufficientSnapshotQuota') },
    refused: true,
    fails: /^InsufficientSnapshotQuota$/,
  },
  {
    name: 'image quota',
    fault: { ...image, ...error('ImageQuotaLimitExceeded') },
    refused: true,
    fails: /^ImageQuotaLimitExceeded$/,
  },
  { name: 'busy ten times', fault: { ...start, ...error('OperationDenied.InstanceOperationInProgress', 10) } },
  {
    name: 'someone terminates the source',
    fault: { ...image, ...someone('terminate-instance') },
    changed: 'gone',
    fails: /^InstanceGone$/,
  },
  { name: 'someone starts the source', fault: { ...stop, ...someone('start-instance') }, fails: /^SourceChanged$/ },
  { name: 'someone stops the source again', fault: { ...start, ...someone('stop-instance') } },
  ...[stop, image, start].map((point) => ({
    name: 'someone is at work on the source',
    // In simulated seconds.
    fault: { ...point, ...someone('busy-instance', { seconds: 1800 }), when: 'before' },
  })),
  {
    name: "someone grows the source's disk",
    fault: { ...stop, ...someone('resize-disk', { id: 'disk-{key}', size: 120 }) },
  },
  {
    name: 'someone takes the name of the image',
    fault: { ...image, ...someone('rename-image', { id: 'img-{key}', name: 'image-{key}' }), when: 'before' },
    bystander: true,
    fails: /^InvalidImageName\.Duplicate$/,
  },
  {
    name: 'someone resizes the source',
    fault: { ...stop, ...someone('resize-instance', { type: 'S5.LARGE8' }) },
    changed: { type: 'S5.LARGE8' },
  },
  { name: 'out of balance three times', fault: { ...launch, ...error('InvalidAccount.InsufficientBalance', 3) } },
  {
    name: 'someone re-tags the source',
    fault: { ...stop, ...someone('retag', { tags: { team: 'web' } }) },
    changed: { tags: { team: 'web' } },
  },
  { name: 'what is made is described late', fault: { ...image, kind: 'describe-lag', milliseconds: lagOf(10) } },
  { name: 'what is made is described late', fault: { ...snapshot, kind: 'describe-lag', milliseconds: lagOf(10) } },
];
