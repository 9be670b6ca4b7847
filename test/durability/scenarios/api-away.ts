import { apiDown, findIn, giveKeyBack, later, look, polling, revokeKey, someoneElse } from '../harness/cloud';
import { betweenAttempts, cancel, resetActivity } from '../harness/people';
import { type FaultForm, type Moment, type Scenario } from '../harness/scenario';
import { lagOf, scale } from '../harness/timing';
import { methods } from './calls';
import { describesLag, imageFails, lateTags } from './steps';

const group = 'bad luck in the cloud';
/** Seconds of the cloud's time, as real ones. */
const minutes = (count: number) => (count * 60) / scale;

/** The deadlines that ship, scaled like the outages; only what is waited for in vain counts against them. */
const shippedDeadlines = Object.fromEntries(
  Object.entries({
    inspectSource: 600,
    checkQuota: 600,
    shutdownInstance: 1800,
    snapshotDisks: 7200,
    createImage: 1800,
    pollImage: 10_800,
    launchInstance: 1800,
    undo: 86_400,
    build: 21_600,
  }).map(([step, seconds]) => [step, seconds / scale]),
);

interface Revocation {
  name: string;
  at: Moment;
  faults?: FaultForm[];
  /** What waits meanwhile. */
  activity: string;
  ends?: Scenario['ends'];
}

const revocations: Record<(typeof methods)[number], Revocation[]> = {
  instance: [
    { name: 'after the first change', at: { after: { action: 'TagResources' } }, activity: 'shutdownInstance' },
    { name: 'after the stop', at: { after: { action: 'StopInstances' } }, activity: 'shutdownInstance' },
    { name: 'while the image is made', at: polling, activity: 'pollImage' },
    { name: 'before the start', at: { before: { action: 'StartInstances' } }, activity: 'restoreInstance' },
    {
      name: 'when the restore tag is to be taken away',
      at: { before: { action: 'UnTagResources' } },
      // So that it is asked for once more, with the key that is refused.
      faults: [{ action: 'UnTagResources', kind: 'error', code: 'InternalError', message: 'try again' }],
      activity: 'restoreInstance',
    },
    {
      name: 'while it is undone',
      at: { before: { action: 'DeleteImages' } },
      faults: [imageFails],
      activity: 'undoCreateImage',
      ends: { failed: /^ImageCreateFailed$/ },
    },
  ],
  snapshots: [
    { name: 'after the snapshots', at: { after: { action: 'CreateSnapshot', nth: 3 } }, activity: 'snapshotDisks' },
    { name: 'before the start', at: { before: { action: 'StartInstances' } }, activity: 'restoreInstance' },
    {
      name: 'before the launch',
      at: { before: { action: 'RunInstances', contains: '/{key}-' } },
      activity: 'launchInstance',
    },
  ],
};

/** Credentials that are revoked, and given back ten minutes later: the build waits, and says so. */
const revoked = methods.flatMap((method) =>
  revocations[method].map(({ name, at, faults, activity, ends = 'completed' }): Scenario => ({
    group,
    name: `${method} · the key is revoked ${name}, and given back ten minutes later`,
    ends,
    spec: { method },
    site: 'workers',
    worker: { key: 'own' },
    ...(faults ? { faults } : {}),
    beats: [
      { at, act: revokeKey },
      { at: later(minutes(1)), act: look({ activity, says: /AuthFailure/, advice: /TENCENTCLOUD_SECRET_ID/ }) },
      { at: later(minutes(9)), act: giveKeyBack },
    ],
    ...(name === 'after the stop' ? { slice: true } : {}),
  })),
);

/**
 * Somebody resets the activity that waits between two attempts, since the key is revoked: it begins as a first attempt, and is refused at
 * once. It must not take itself for one that has changed nothing.
 */
const revokedAndReset = [
  { method: 'instance' as const, name: 'after the stop', activity: 'shutdownInstance' as const },
  { method: 'snapshots' as const, name: 'after the snapshots', activity: 'snapshotDisks' as const },
].map(({ method, name, activity }): Scenario => ({
  group,
  name: `${method} · the key is revoked ${name}, and ${activity} is reset between two attempts`,
  ends: 'completed',
  spec: { method },
  site: 'workers',
  worker: { key: 'own' },
  beats: [
    { at: revocations[method].find((one) => one.name === name)!.at, act: revokeKey },
    { at: betweenAttempts(activity), act: resetActivity(activity) },
    { at: betweenAttempts(activity), act: giveKeyBack },
  ],
  ...(method === 'instance' ? { slice: true } : {}),
}));

interface Outage {
  name: string;
  at: Moment;
  ends: Scenario['ends'];
  faults?: FaultForm[];
  says?: RegExp;
}

const tooLate = (step: string): Pick<Outage, 'ends' | 'says'> => ({
  ends: { failed: /^DeadlineExceeded$/ },
  says: new RegExp(`HttpStatus502.*deadlines\\.${step}`),
});

const outages: Record<(typeof methods)[number], Outage[]> = {
  instance: [
    { name: 'while it is inspected', at: { before: { action: 'DescribeDisks' } }, ...tooLate('inspectSource') },
    { name: 'at the stop', at: { before: { action: 'StopInstances' } }, ...tooLate('shutdownInstance') },
    { name: 'in the snapshots', at: { after: { action: 'CreateSnapshot' } }, ends: 'completed' },
    { name: 'at the image', at: { before: { action: 'CreateImage' } }, ...tooLate('createImage') },
    {
      name: 'right after the image was asked for',
      at: { after: { action: 'CreateImage' } },
      ...tooLate('createImage'),
    },
    { name: 'while the image is made', at: polling, ends: 'completed' },
    { name: 'at the start', at: { before: { action: 'StartInstances' } }, ends: 'completed' },
    {
      name: 'at the launch',
      at: { before: { action: 'RunInstances', contains: '/{key}-' } },
      ...tooLate('launchInstance'),
    },
    {
      name: 'while it is undone',
      at: { before: { action: 'DeleteImages' } },
      faults: [imageFails],
      ends: { failed: /^ImageCreateFailed$/ },
    },
    {
      name: 'when the source is to be started by undoing',
      at: { before: { action: 'StartInstances' } },
      faults: [imageFails],
      ends: { failed: /^ImageCreateFailed$/ },
    },
  ],
  snapshots: [
    { name: 'in the snapshots', at: { after: { action: 'CreateSnapshot', nth: 2 } }, ends: 'completed' },
    { name: 'at the start', at: { before: { action: 'StartInstances' } }, ends: 'completed' },
    // A call that is on its way when it goes down is applied; the image is next, or is being made.
    {
      name: 'before the image',
      at: { after: { action: 'UnTagResources' } },
      ends: { either: ['completed', { failed: /^DeadlineExceeded$/ }] },
    },
    { name: 'while the image is made', at: polling, ends: 'completed' },
  ],
};

/** Nothing answers for half an hour. With the deadlines that ship, steps that may take no longer fail, and are undone. */
const down = methods.flatMap((method) =>
  outages[method].map(({ name, at, ends, faults, says }): Scenario => ({
    group,
    name: `${method} · the API is down for half an hour · ${name}`,
    ends,
    spec: { method, deadlines: shippedDeadlines },
    ...(faults ? { faults } : {}),
    ...(says ? { says } : {}),
    beats: [{ at, act: apiDown(minutes(30) * 1000) }],
    limitSeconds: 120,
  })),
);

/** The same with more time: the build completes. */
const downWithTime = (['shutdownInstance', 'createImage', 'launchInstance'] as const).map((step): Scenario => {
  const action = { shutdownInstance: 'StopInstances', createImage: 'CreateImage', launchInstance: 'RunInstances' }[
    step
  ];
  return {
    group,
    name: `instance · the API is down for half an hour · in ${step}, which may take an hour`,
    ends: 'completed',
    spec: { deadlines: { ...shippedDeadlines, [step]: 3600 / scale } },
    beats: [
      {
        at: { before: { action, ...(action === 'RunInstances' ? { contains: '/{key}-' } : {}) } },
        act: apiDown(minutes(30) * 1000),
      },
    ],
    limitSeconds: 120,
  };
});

/** What is changed is not described for so many seconds, as they weigh against the settle window. */
const lagging = (seconds: number): FaultForm[] => describesLag(lagOf(seconds));
const lost = (action: string, more: Record<string, unknown> = {}): FaultForm => ({
  action,
  kind: 'answer-lost',
  ...more,
});

const lags = methods.flatMap((method): Scenario[] => [
  {
    group,
    name: `${method} · describes lag 30 s`,
    ends: 'completed',
    spec: { method },
    faults: lagging(30),
    ...(method === 'snapshots' ? { slice: true } : {}),
  },
  { group, name: `${method} · tags show 30 s late`, ends: 'completed', spec: { method }, faults: [lateTags] },
  {
    group,
    name: `${method} · tags show 30 s late, and it is undone`,
    ends: { failed: /^ImageCreateFailed$/ },
    spec: { method },
    faults: [lateTags, imageFails],
  },
  {
    group,
    name: `${method} · tags show 30 s late, and it is cancelled at the commit point`,
    ends: 'cancelled',
    spec: { method },
    faults: [lateTags],
    beats: [{ at: { after: { action: 'TagResources', nth: 2 } }, act: cancel }],
  },
  { group, name: `${method} · describes lag 10 s`, ends: 'completed', spec: { method }, faults: lagging(10) },
  {
    group,
    name: `${method} · describes lag 30 s, and it is undone`,
    ends: { failed: /^ImageCreateFailed$/ },
    spec: { method },
    faults: [...lagging(30), imageFails],
  },
  ...[
    { what: 'stop', fault: lost('StopInstances') },
    { what: 'snapshot', fault: lost('CreateSnapshot') },
    { what: 'image', fault: lost('CreateImage') },
    { what: 'start', fault: lost('StartInstances') },
    { what: 'launch', fault: lost('RunInstances', { contains: '/{key}-' }) },
  ].flatMap(({ what, fault }) =>
    // Whoever looks for what was lost goes on looking for 45 s.
    [10, 30].map((seconds): Scenario => ({
      group,
      name: `${method} · describes lag ${seconds} s, and the answer to the ${what} is lost`,
      ends: 'completed',
      spec: { method },
      faults: [...lagging(seconds), fault],
    })),
  ),
  ...(['StopInstances', 'CreateSnapshot', 'CreateImage'] as const).map((action): Scenario => ({
    group,
    name: `${method} · describes lag 30 s, the answer to ${action} is lost, and it is cancelled`,
    ends: 'cancelled',
    spec: { method },
    faults: [...lagging(30), lost(action)],
    beats: [{ at: { after: { action } }, act: cancel }],
  })),
]);

/** So many refusals, backed off from in between, take several of the cloud's minutes. */
const busy = (action: string, code: string): FaultForm => ({
  action,
  kind: 'error',
  code,
  message: 'Another operation is in progress.',
  times: 12,
});

const operations: Scenario[] = [
  ...methods.flatMap((method) =>
    [
      busy('StopInstances', 'OperationDenied.InstanceOperationInProgress'),
      busy('StopInstances', 'MutexOperation.TaskRunning'),
      busy('CreateSnapshot', 'ResourceBusy'),
      busy('CreateSnapshot', 'InvalidDisk.Busy'),
      busy('CreateImage', 'OperationDenied.InstanceOperationInProgress'),
      busy('CreateImage', 'MutexOperation.TaskRunning'),
      busy('StartInstances', 'OperationDenied.InstanceOperationInProgress'),
      busy('StartInstances', 'UnsupportedOperation.InstanceStateStopping'),
      busy('TagResources', 'FailedOperation.ResourceTagProcessing'),
    ].map((fault): Scenario => ({
      group,
      name: `${method} · ${fault.action!} answers ${String(fault.code)} for minutes`,
      ends: 'completed',
      spec: { method },
      faults: [fault],
    })),
  ),
  ...[
    busy('DeleteImages', 'InvalidImageId.IncorrectState'),
    busy('DeleteSnapshots', 'ResourceUnavailable.SnapshotCreating'),
    busy('StartInstances', 'OperationDenied.InstanceOperationInProgress'),
  ].map((fault): Scenario => ({
    group,
    name: `undo · ${fault.action!} answers ${String(fault.code)} for minutes`,
    ends: { failed: /^ImageCreateFailed$/ },
    faults: [fault, imageFails],
  })),
  {
    group,
    name: 'undo · TerminateInstances answers MutexOperation.TaskRunning for minutes',
    ends: 'cancelled',
    faults: [busy('TerminateInstances', 'MutexOperation.TaskRunning')],
    beats: [{ at: { after: { action: 'RunInstances', contains: '/{key}-' } }, act: cancel }],
  },
  ...(['StopInstances', 'CreateSnapshot', 'CreateImage', 'StartInstances'] as const).map((action): Scenario => ({
    group,
    name: `someone is at work on the source for five minutes · from before ${action}`,
    ends: 'completed',
    beats: [
      {
        at: { before: { action } },
        // In simulated seconds, of which there are more to a real one.
        act: someoneElse('busy-instance', findIn.source, { seconds: 1800 }),
      },
    ],
    ...(action === 'StartInstances' ? { slice: true } : {}),
  })),
];

export const apiAway: Scenario[] = [...revoked, ...revokedAndReset, ...down, ...downWithTime, ...lags, ...operations];
