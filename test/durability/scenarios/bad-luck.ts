import { apiAway } from './api-away';
import { fillQuota, findIn, look, someoneElse, takeName, undoing } from '../harness/cloud';
import { whenOver } from '../harness/people';
import { type CallPoint, type FaultForm, forEver, type Scenario } from '../harness/scenario';
import { methods } from './calls';
import { someoneElses } from './someone-else';

const group = 'bad luck in the cloud';
/** The launch itself: the trial before it bears no tags. */
const launch: CallPoint = { action: 'RunInstances', contains: '/{key}-' };
const refused = (code: string, message: string): FaultForm => ({ kind: 'error', code, message });

const images: Scenario[] = methods.flatMap((method): Scenario[] => [
  {
    group,
    name: `${method} · the image is CREATEFAILED`,
    ends: { failed: /^ImageCreateFailed$/ },
    spec: { method },
    faults: [{ action: 'CreateImage', kind: 'image-fails' }],
    says: /CREATEFAILED.*[Tt]ry again/,
    ...(method === 'instance' ? { slice: true } : {}),
  },
  {
    group,
    name: `${method} · the image with its data disks is CREATEFAILED`,
    ends: { failed: /^ImageCreateFailed$/ },
    spec: { method, dataDisks: 'include' },
    faults: [{ action: 'CreateImage', kind: 'image-fails' }],
    says: /CREATEFAILED.*[Tt]ry again/,
  },
  {
    group,
    name: `${method} · the image is stuck beyond its deadline, and beyond that of its undo`,
    ends: { failed: /^DeadlineExceeded$/ },
    spec: { method, deadlines: { pollImage: 5, undo: 6 } },
    faults: [{ action: 'CreateImage', kind: 'image-never-finishes' }],
    // What the cloud does not delete while it is CREATING is for the sweep, once the cloud has given up on it.
    beats: [{ at: whenOver, act: someoneElse('fail-image', findIn.images) }],
    leaves: true,
    says: /image img-\w+: CREATING.*deadlines\.pollImage/,
  },
  {
    group,
    name: `${method} · the image is stuck beyond its deadline, and fails while it is undone`,
    ends: { failed: /^DeadlineExceeded$/ },
    spec: { method, deadlines: { pollImage: 5 } },
    faults: [{ action: 'CreateImage', kind: 'image-never-finishes' }],
    beats: [{ at: undoing, act: someoneElse('fail-image', findIn.images) }],
    says: /image img-\w+: CREATING.*deadlines\.pollImage/,
  },
  {
    group,
    name: `${method} · the image is stuck beyond the deadline of the whole build`,
    ends: { failed: /^DeadlineExceeded$/ },
    // Time enough to get there.
    spec: { method, deadlines: { build: 40 } },
    faults: [{ action: 'CreateImage', kind: 'image-never-finishes' }],
    beats: [{ at: undoing, act: someoneElse('fail-image', findIn.images) }],
    says: /the build was not done after 40 s: image img-\w+: CREATING.*deadlines\.build/,
  },
  {
    group,
    name: `${method} · the source is busy beyond the deadline of the whole build`,
    ends: { failed: /^DeadlineExceeded$/ },
    spec: { method, deadlines: { build: 20 } },
    faults: [
      {
        action: 'StopInstances',
        kind: 'error',
        code: 'OperationDenied.InstanceOperationInProgress',
        message: 'another operation is under way',
        times: forEver,
      },
    ],
    says: /the build was not done after 20 s: .*StopInstances: another operation.*InstanceOperationInProgress.*deadlines\.build/,
  },
]);

const stops: Scenario[] = [
  {
    group,
    name: 'SOFT · the soft stop fails',
    ends: { failed: /^StopFailed$/ },
    spec: { stopType: 'SOFT' },
    faults: [{ action: 'StopInstances', kind: 'soft-stop-fails' }],
    says: /did not stop.*SOFT_FIRST/,
    slice: true,
  },
  {
    group,
    name: 'SOFT_FIRST · the soft stop fails, the hard one does not',
    ends: 'completed',
    faults: [{ action: 'StopInstances', kind: 'soft-stop-fails' }],
  },
  {
    group,
    name: 'the stop is ignored once',
    ends: 'completed',
    faults: [{ action: 'StopInstances', kind: 'stop-ignored' }],
  },
  {
    group,
    name: 'the stop is ignored for good',
    ends: { failed: /^DeadlineExceeded$/ },
    spec: { deadlines: { shutdownInstance: 6 } },
    faults: [{ action: 'StopInstances', kind: 'stop-ignored', times: forEver }],
    says: /StopInstances.*deadlines\.shutdownInstance/,
  },
];

/** What somebody else was quicker with, between the check and the call. */
const overtaken: Scenario[] = methods.flatMap((method): Scenario[] => [
  {
    group,
    name: `${method} · the image quota is filled between check and create`,
    ends: { failed: /^ImageQuotaLimitExceeded$/ },
    spec: { method },
    beats: [{ at: { before: { action: 'CreateImage' } }, act: fillQuota('imageQuota') }],
    says: /quota.*Delete custom images/,
    ...(method === 'snapshots' ? { slice: true } : {}),
  },
  {
    group,
    name: `${method} · the name is taken between check and create`,
    ends: { failed: /^InvalidImageName\.Duplicate$/ },
    spec: { method },
    beats: [{ at: { before: { action: 'CreateImage' } }, act: takeName }],
    says: /the name image-\w+ belongs to image img-\w+.*another image name/,
  },
  {
    group,
    name: `${method} · the snapshot quota is filled between two snapshots`,
    ends: { failed: /^InsufficientSnapshotQuota|QuotaLimitExceeded|OverQuota/ },
    spec: { method },
    beats: [{ at: { before: { action: 'CreateSnapshot', nth: 2 } }, act: fillQuota('snapshotQuota') }],
    says: /CreateSnapshot.*Delete snapshots/,
  },
  {
    group,
    name: `${method} · the instance quota is filled before the launch`,
    ends: { failed: /Quota|LimitExceeded/ },
    spec: { method },
    beats: [{ at: { before: launch }, act: fillQuota('instanceQuota') }],
    says: /RunInstances.*quota/i,
  },
]);

const soldOut = refused('ResourcesSoldOut.SpecifiedInstanceType', 'The specified type of instance is understocked.');
const noBalance = refused('InvalidAccount.InsufficientBalance', 'The account has insufficient balance.');

const launches: Scenario[] = [
  {
    group,
    name: 'LAUNCH_FAILED',
    ends: { failed: /^LaunchFailed$/ },
    faults: [{ ...launch, kind: 'launch-fails' }],
    says: /LAUNCH_FAILED.*image and its snapshots are kept/,
    slice: true,
  },
  ...[
    { what: 'sold out', fault: soldOut, advice: /another zone or instance type/ },
    { what: 'out of balance', fault: noBalance, advice: /Top up/ },
  ].flatMap(({ what, fault, advice }): Scenario[] => [
    {
      group,
      name: `${what} before anything was touched`,
      ends: { failed: new RegExp(`^${String(fault.code)}$`) },
      faults: [{ action: 'RunInstances', ...fault }],
      says: new RegExp(`RunInstances.*${advice.source}`),
    },
    {
      group,
      name: `${what} at the launch, for minutes`,
      ends: 'completed',
      faults: [{ ...launch, ...fault, times: 20 }],
      beats: [
        {
          at: { called: 'in the launch', once: async (play) => (await play.progress())?.phase === 'launching' },
          act: look({ activity: 'launchInstance', says: new RegExp(String(fault.code)), advice }),
        },
      ],
    },
    {
      group,
      name: `${what} at the launch, beyond its deadline`,
      ends: { failed: new RegExp(`^(DeadlineExceeded|${String(fault.code)})$`) },
      spec: { deadlines: { launchInstance: 5 } },
      faults: [{ ...launch, ...fault, times: forEver }],
      says: new RegExp(`${String(fault.code)}.*${advice.source}`),
    },
  ]),
];

export const badLuck: Scenario[] = [...images, ...stops, ...overtaken, ...launches, ...someoneElses, ...apiAway];
