import type { Change } from '../harness/release-play';

export interface ReleaseChange extends Change {
  what: string;
  /** A kill then is part of every test run: it hurts most there. */
  slice?: 'before' | 'after';
  /** A worker that stands still then and wakes up later is part of every test run. */
  zombie?: true;
}

/** Whether everything is played, and not only a slice of it. */
export const all = process.env.TEST_DURABILITY === 'all';

/** When the worker, or the server, is killed: right before or after each of these changes. */
export const killsAt = (changes: ReleaseChange[]) =>
  changes.flatMap(({ slice, ...change }) =>
    (['before', 'after'] as const).filter((when) => all || slice === when).map((when) => ({ when, ...change })),
  );

/**
 * Every call by which a distribution changes the cloud, of a release of a source with one data disk, in each of its two regions in
 * the order that it has there: the promotion, which finds a shared image before it, the copies and the shares at home; the marks, the
 * promotion and the share there. Then, at home, what is retired is shared.
 */
export const distributionChanges: ReleaseChange[] = [
  { action: 'ModifyImageSharePermission', nth: 1, what: 'share of the image before, taken back' },
  { action: 'ModifyImageSharePermission', nth: 2, what: 'share of the image before, given again', slice: 'before' },
  { action: 'SyncImages', nth: 1, what: 'copy of the image', slice: 'after', zombie: true },
  { action: 'CopySnapshotCrossRegions', nth: 1, what: 'copy of the snapshot', slice: 'after' },
  { action: 'ModifyImageSharePermission', nth: 3, what: 'share of the image' },
  { action: 'ModifyImageSharePermission', nth: 4, what: 'share of the oldest image, taken back' },
  { action: 'TagResources', nth: 1, there: true, what: 'copy of the image, marked' },
  { action: 'TagResources', nth: 2, there: true, what: 'copy of the snapshot, marked' },
  { action: 'ModifyImageAttribute', nth: 1, there: true, what: 'family that was copied along, taken away' },
  { action: 'TagResources', nth: 3, there: true, what: 'copy, current' },
  { action: 'ModifyImageAttribute', nth: 2, there: true, what: 'family of the copy' },
  { action: 'TagResources', nth: 4, there: true, what: 'image before, released' },
  { action: 'ModifyImageSharePermission', nth: 1, there: true, what: 'share of the image before, taken back' },
  { action: 'ModifyImageAttribute', nth: 3, there: true, what: 'family of the image before, taken away' },
  { action: 'ModifyImageSharePermission', nth: 2, there: true, what: 'share of the image before, given again' },
  { action: 'ModifyImageSharePermission', nth: 3, there: true, what: 'share of the copy', slice: 'after' },
];

/** What a distribution does to take a copy back whose snapshots could not be copied. */
export const takingBackChanges: ReleaseChange[] = [
  { action: 'DeleteImages', nth: 1, there: true, what: 'copy of the image', slice: 'after' },
];

/**
 * Every call by which a release of a source with one data disk, by the method snapshots, changes the cloud, in order: the build, the
 * test, the promotion, the retirement of two older images.
 */
export const releaseChanges: ReleaseChange[] = [
  { action: 'TagResources', nth: 1, what: 'restore tag' },
  { action: 'StopInstances', nth: 1, what: 'stop' },
  { action: 'CreateSnapshot', nth: 1, what: 'snapshot 1' },
  { action: 'CreateSnapshot', nth: 2, what: 'snapshot 2' },
  { action: 'StartInstances', nth: 1, what: 'start' },
  { action: 'UnTagResources', nth: 1, what: 'restore tag, taken away' },
  { action: 'CreateImage', nth: 1, what: 'image' },
  { action: 'TagResources', nth: 2, what: 'image and snapshots, kept' },
  { action: 'RunInstances', nth: 1, what: 'launch of the test', slice: 'after' },
  { action: 'TerminateInstances', nth: 1, what: 'end of the test' },
  { action: 'TagResources', nth: 3, what: 'image, current' },
  { action: 'ModifyImageAttribute', nth: 1, what: 'family of the image', slice: 'after' },
  { action: 'TagResources', nth: 4, what: 'image before, released' },
  {
    action: 'ModifyImageAttribute',
    nth: 2,
    what: 'family of the image before, taken away',
    zombie: true,
  },
  { action: 'DeleteImages', nth: 1, what: 'older image', slice: 'after' },
  { action: 'DeleteImages', nth: 2, what: 'oldest image' },
];

/** Every call by which a rollback to the image before changes the cloud, in order. */
export const rollbackChanges: ReleaseChange[] = [
  { action: 'TagResources', nth: 1, what: 'image before, current' },
  { action: 'ModifyImageAttribute', nth: 1, what: 'family of the image before', slice: 'after' },
  { action: 'TagResources', nth: 2, what: 'image that was current, withdrawn' },
  { action: 'ModifyImageAttribute', nth: 2, what: 'family of the image that was current, taken away' },
];
