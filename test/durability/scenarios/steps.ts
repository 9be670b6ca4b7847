import type { BuildSpecInput } from '../../../contract';
import { slowImage } from '../harness/cloud';
import type { ActivityName } from '../harness/people';
import { type CallPoint, type FaultForm, forEver } from '../harness/scenario';
import { lagOf } from '../harness/timing';
import { mutations } from './calls';

export type Method = 'instance' | 'snapshots';

/** A moment of a build with two data disks and a launch: the step that is at work, and the call that it is about to make. */
export interface StepPoint {
  step: ActivityName;
  what: string;
  call: CallPoint;
}

/** The step that makes each of the calls in `mutations`. */
const makers: Record<string, ActivityName> = {
  'restore tag': 'shutdownInstance',
  stop: 'shutdownInstance',
  'snapshot 1': 'snapshotDisks',
  'snapshot 2': 'snapshotDisks',
  'snapshot 3': 'snapshotDisks',
  image: 'createImage',
  'image and snapshots, kept': 'keepResources',
  start: 'restoreInstance',
  'restore tag, taken away': 'restoreInstance',
  launch: 'launchInstance',
  'new instance and disks, kept': 'keepResources',
};

function makerOf(what: string): ActivityName {
  const maker = makers[what];
  if (maker === undefined) throw new Error(`no step makes ${what}`);
  return maker;
}

const looks: StepPoint[] = [
  { step: 'inspectSource', what: 'look at the disks', call: { action: 'DescribeDisks' } },
  { step: 'checkQuota', what: 'look at the quota', call: { action: 'DescribeImageQuota' } },
];

/** A call in every step, and all that change something, in order. */
export const pointsOf = (method: Method): StepPoint[] => [
  ...looks,
  ...mutations[method].map(({ what, ...call }) => ({ step: makerOf(what), what, call })),
];

/** The image comes to nothing, so that what was made has to go again. */
export const imageFails: FaultForm = { action: 'CreateImage', kind: 'image-fails' };

/** What is changed is not described for so long, in real milliseconds. */
export const describesLag = (milliseconds: number): FaultForm[] =>
  ['cvm', 'cbs'].map((service) => ({ service, kind: 'write-lag', milliseconds, times: forEver }));

/** What one call changes is not described for half a minute, as that weighs against the settle window. */
export const describedLate: FaultForm = { kind: 'write-lag', milliseconds: lagOf(30) };

/** What TagResources and UnTagResources change is not described for half a minute, as that weighs against the settle window. */
export const lateTags: FaultForm = {
  service: 'tag',
  // The service has no region; the names of what is tagged do.
  contains: ':{region}:uin/',
  ...describedLate,
  times: forEver,
};

/** A step that waits for the cloud, and what makes it wait for some seconds. */
export interface Wait {
  step: ActivityName;
  slow: FaultForm;
}

export const waits: Wait[] = [
  { step: 'shutdownInstance', slow: { action: 'StopInstances', kind: 'slow', factor: 30 } },
  { step: 'snapshotDisks', slow: { action: 'CreateSnapshot', kind: 'slow', factor: 10, times: 2 } },
  { step: 'pollImage', slow: slowImage },
  { step: 'restoreInstance', slow: { action: 'StartInstances', kind: 'slow', factor: 30 } },
  { step: 'launchInstance', slow: { action: 'RunInstances', contains: '/{key}-', kind: 'slow', factor: 30 } },
];

/** A step that is refused, once. */
export interface Refusal {
  step: ActivityName;
  /** Where one step has several. */
  what?: string;
  fault: FaultForm;
  code: string;
  spec?: Partial<BuildSpecInput>;
}

const refused = (action: string, code: string, more: Partial<FaultForm> = {}): Pick<Refusal, 'fault' | 'code'> => ({
  fault: { action, kind: 'error', code, message: 'refused by the scenario', ...more },
  code,
});

/** Every step of a build, refused in a way that no waiting mends. */
export const refusals: Refusal[] = [
  { step: 'inspectSource', ...refused('DescribeDisks', 'UnauthorizedOperation') },
  { step: 'checkQuota', ...refused('DescribeImageQuota', 'UnauthorizedOperation') },
  {
    step: 'shutdownInstance',
    fault: { action: 'StopInstances', kind: 'soft-stop-fails' },
    code: 'StopFailed',
    spec: { stopType: 'SOFT' },
  },
  { step: 'snapshotDisks', ...refused('CreateSnapshot', 'InvalidDisk.NotSupportSnapshot') },
  { step: 'createImage', ...refused('CreateImage', 'ImageQuotaLimitExceeded') },
  { step: 'pollImage', fault: { action: 'CreateImage', kind: 'image-fails' }, code: 'ImageCreateFailed' },
  { step: 'keepResources', ...refused('TagResources', 'InvalidParameterValue.TagKeyNotFound', { nth: 2 }) },
  {
    step: 'launchInstance',
    what: 'refused',
    ...refused('RunInstances', 'InvalidParameterValue.IllegalHostName', { contains: '/{key}-' }),
  },
  {
    step: 'launchInstance',
    what: 'LAUNCH_FAILED',
    fault: { action: 'RunInstances', contains: '/{key}-', kind: 'launch-fails' },
    code: 'LaunchFailed',
  },
  {
    step: 'launchInstance',
    what: 'tags refused',
    ...refused('TagResources', 'InvalidParameterValue.TagKeyNotFound', { nth: 3 }),
  },
];
