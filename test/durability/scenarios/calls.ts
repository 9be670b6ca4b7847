import type { CallPoint } from '../harness/scenario';

/** A call by which a build changes the cloud. */
export interface Mutation extends CallPoint {
  what: string;
}

const snapshots = (count: number): Mutation[] =>
  Array.from({ length: count }, (_, index) => ({
    action: 'CreateSnapshot',
    nth: index + 1,
    what: `snapshot ${index + 1}`,
  }));

const restoreTag: Mutation = { action: 'TagResources', nth: 1, what: 'restore tag' };
const stop: Mutation = { action: 'StopInstances', what: 'stop' };
const image: Mutation = { action: 'CreateImage', what: 'image' };
const keepImage: Mutation = { action: 'TagResources', nth: 2, what: 'image and snapshots, kept' };
const start: Mutation = { action: 'StartInstances', what: 'start' };
const untag: Mutation = { action: 'UnTagResources', what: 'restore tag, taken away' };
const launch: Mutation[] = [
  // The dry run before it bears no tags.
  { action: 'RunInstances', contains: '/{key}-', what: 'launch' },
  { action: 'TagResources', nth: 3, what: 'new instance and disks, kept' },
];

/**
 * Every call by which a build with two data disks and a launch changes the cloud, by method. That there are no others is what the
 * undisturbed scenarios check.
 */
export const mutations: Record<'instance' | 'snapshots', Mutation[]> = {
  instance: [restoreTag, stop, ...snapshots(2), image, keepImage, start, untag, ...launch],
  snapshots: [restoreTag, stop, ...snapshots(3), start, untag, image, keepImage, ...launch],
};

export const methods = ['instance', 'snapshots'] as const;
