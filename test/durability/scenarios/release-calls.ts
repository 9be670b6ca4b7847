import type { Change } from '../harness/release-play';

interface ReleaseChange extends Change {
  what: string;
  /** A kill then is part of every test run: it hurts most there. */
  slice?: 'before' | 'after';
  /** A worker that stands still then and wakes up later is part of every test run. */
  zombie?: true;
}

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
