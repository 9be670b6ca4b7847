import { isDeepStrictEqual } from 'node:util';
import { disksToSnapshot, tagKeys } from '../../../contract';
import type { Call, RegionState, StateResource } from '../../support/simulator';
import type { BuildEnd } from './ending';
import type { PlayedBuild } from './play';
import type { Remakes } from './scenario';

/**
 * One image, one snapshot a chosen disk, one instance if asked for; all of it kept. Counted in the cloud by the build's tag. So it
 * is after the commit point too, when a build that failed or was cancelled keeps its image and snapshots.
 *
 * @param taken IDs of what somebody else deleted, or took the build's tag from
 * @returns undefined when there is nothing to be exact about
 */
export function exactProblems(
  end: BuildEnd,
  before: RegionState,
  after: RegionState,
  taken: ReadonlySet<string> = new Set(),
): string[] | undefined {
  if (end.how === 'terminated') return doubled(end, after);
  if (end.how === 'failed' || end.how === 'cancelled') {
    if (end.how === 'failed' && end.build.spec.onFailure === 'keep') return doubled(end, after);
    return hasKeptImage(end, after, taken)
      ? [...doubled(end, after), ...imageProblems(end, before, after, taken)]
      : undefined;
  }
  if (end.how !== 'completed') return undefined;
  const { image, instance } = end.result;
  const made = ofBuild(after, end.buildId);
  return [
    ...differences('images', ids(made.images), taken.has(image.imageId) ? [] : [image.imageId]),
    ...imageProblems(end, before, after, taken),
    ...differences('instances', ids(made.instances), end.build.spec.launch ? [instance!.instanceId] : []),
    ...differences('not tagged as kept', ids(Object.values(made).flat().filter(isPending)), []),
  ];
}

const ids = (resources: { id: string }[]) => resources.map(({ id }) => id);
const isPending = ({ tags }: StateResource) => tags[tagKeys.state] !== 'kept';

function differences(what: string, actual: unknown, expected: unknown): string[] {
  if (isDeepStrictEqual(actual, expected)) return [];
  return [`${what}: ${JSON.stringify(actual)} instead of ${JSON.stringify(expected)}`];
}

/** The image of a build is usable, each chosen disk has its snapshot, and none of them is torn. */
function imageProblems(
  { build, buildId }: BuildEnd,
  before: RegionState,
  after: RegionState,
  taken: ReadonlySet<string>,
): string[] {
  const { images, snapshots } = ofBuild(after, buildId);
  const copied = snapshots.map(({ diskId }) => diskId as string).sort();
  const chosen = chosenDisks(build, before).sort();
  const missing = chosen.filter((id) => !copied.includes(id));
  const isExcused = missing.length <= [...taken].filter((id) => id.startsWith('snap-')).length;
  const held = new Map(before.disks.map(({ id, content }) => [id, content]));
  const bound = new Set(images.flatMap(snapshotsOf));
  const copies = after.snapshots.filter(({ id, tags }) => bound.has(id) || tags[tagKeys.build]?.endsWith(buildId));
  const torn = copies.filter(({ diskId, content }) => content !== held.get(diskId as string));
  return [
    ...differences(
      'states of the images',
      images.map(({ state }) => state),
      images.map(() => 'NORMAL'),
    ),
    ...differences(
      'disks with a snapshot',
      copied,
      chosen.filter((id) => !isExcused || !missing.includes(id)),
    ),
    ...differences('snapshots that hold something else than the disk held', ids(torn), []),
  ];
}

/** Whether a build that did not come to a good end lists its image as kept, or would if nobody had taken it away: it was usable. */
export function hasKeptImage(end: BuildEnd, state: RegionState, taken: ReadonlySet<string>): boolean {
  const resources = 'failure' in end ? (end.failure?.resources ?? []) : [];
  const kept = new Set(resources.filter(({ fate }) => fate === 'kept').map(({ id }) => id));
  const made = ofBuild(state, end.buildId);
  const keeps = Object.values(made)
    .flat()
    .some(({ id }) => kept.has(id));
  return made.images.some(({ id }) => kept.has(id)) || (keeps && [...taken].some((id) => id.startsWith('img-')));
}

/** What a terminated build has decided to keep may not be complete, but there is nothing twice. */
function doubled({ buildId }: BuildEnd, after: RegionState): string[] {
  const { images, snapshots, instances } = ofBuild(after, buildId);
  const disks = snapshots.map(({ diskId }) => diskId as string);
  const twice = disks.filter((id, index) => disks.indexOf(id) !== index).map((id) => `snapshots of ${id}`);
  if (images.length > 1) twice.push('images');
  if (instances.length > 1) twice.push('instances');
  return twice.map((what) => `more than one: ${what}`);
}

/**
 * No build asked the cloud for anything twice: what was made twice, and removed by whoever noticed, is not there any more, but was
 * asked for. As many images, snapshots of a disk and instances as there were builds of its source, and no more.
 *
 * @param calls of the region, with the IDs that their requests and answers name
 * @param remakes how many more there may be
 * @param taken what somebody else has deleted: an interrupted step rightly makes that again
 */
export function askedTwiceProblems(
  builds: PlayedBuild[],
  before: RegionState,
  calls: Call[],
  remakes: Remakes = {},
  taken: ReadonlySet<string> = new Set(),
): string[] {
  const making = calls.filter(({ applied }) => applied);
  const about = (action: string, kind: string, ids: string[]) =>
    making
      .filter((call) => call.action === action && call.resources.some((id) => ids.includes(id)))
      // A dry run makes nothing.
      .filter(({ resources }) => resources.some((id) => id.startsWith(kind)));
  // A call with the same client token again answers with what the first one made.
  const madeBy = (of: Call[], kind: string) => [
    ...new Set(of.flatMap(({ resources }) => resources.filter((id) => id.startsWith(kind)))),
  ];
  const sources = [...new Set(builds.map(({ instanceId }) => instanceId))];
  return sources.flatMap((instanceId) => {
    const own = builds.filter((build) => build.instanceId === instanceId);
    const disks = before.disks.filter((disk) => disk.instanceId === instanceId).map(({ id }) => id);
    const snapshots = disks.map((id) => ({
      what: `CreateSnapshot of ${id}`,
      calls: about('CreateSnapshot', 'snap-', [id]),
    }));
    const snapshotIds = snapshots.flatMap((one) => madeBy(one.calls, 'snap-'));
    const images = about('CreateImage', 'img-', [instanceId, ...snapshotIds]);
    const instances = about('RunInstances', 'ins-', madeBy(images, 'img-'));
    const all = [
      ...snapshots.map(({ what, calls: of }) => ({ what, ids: madeBy(of, 'snap-'), more: remakes.CreateSnapshot })),
      { what: 'CreateImage', ids: madeBy(images, 'img-'), more: remakes.CreateImage },
      { what: 'RunInstances', ids: madeBy(instances, 'ins-'), more: remakes.RunInstances },
    ];
    return all
      .filter(({ ids, more = 0 }) => ids.filter((id) => !taken.has(id)).length > own.length + more)
      .map(({ what, ids }) => `${what} made ${ids.join(', ')} for ${own.length} builds of ${instanceId}`);
  });
}

/**
 * All copies of a build's disks are of one down-time of its source: between the first of them and the last one nobody has started or
 * stopped it. What an image of an instance holds is copied, too; one that is made of snapshots is not.
 *
 * @param calls of the region, in the order in which they were made
 */
export function momentProblems(end: BuildEnd, after: RegionState, calls: Call[]): string[] {
  if (end.how !== 'completed') return [];
  const { instanceId, spec } = end.build;
  const { images, snapshots } = ofBuild(after, end.buildId);
  const copies = [...snapshots, ...(spec.method === 'snapshots' ? [] : images)].map(({ id }) => id);
  const applied = calls.filter(({ applied }) => applied);
  const made = copies.map((id) =>
    applied.findIndex(({ action, resources }) => /^Create(Snapshot|Image)$/.test(action) && resources.includes(id)),
  );
  const between = applied
    .slice(Math.min(...made), Math.max(...made))
    .filter(({ action, resources }) => /^(Start|Stop)Instances$/.test(action) && resources.includes(instanceId));
  return between.length === 0 ? [] : [`${copies.join(', ')} are of different moments: ${between[0]!.action} between`];
}

/** The disks that a build makes snapshots of. */
function chosenDisks({ spec, instanceId }: PlayedBuild, before: RegionState): string[] {
  const source = before.instances.find(({ id }) => id === instanceId)!;
  const sizes = new Map(before.disks.map((disk) => [disk.id, disk.size as number]));
  const disk = (diskId: string, usage: 'SYSTEM_DISK' | 'DATA_DISK') => ({
    diskId,
    usage,
    size: sizes.get(diskId)!,
    type: '',
  });
  return disksToSnapshot(
    { method: 'instance', dataDisks: 'snapshot', ...spec } as never,
    {
      systemDisk: disk(source.systemDiskId as string, 'SYSTEM_DISK'),
      dataDisks: dataDisksOf(source, spec.dataDisks).map((id) => disk(id, 'DATA_DISK')),
    } as never,
  ).map(({ diskId }) => diskId);
}

function dataDisksOf(source: StateResource, dataDisks: unknown): string[] {
  const all = source.dataDiskIds as string[];
  if (Array.isArray(dataDisks)) return all.filter((id) => dataDisks.includes(id));
  return dataDisks === 'none' ? [] : all;
}

/** What carries the tag of a build. */
export function ofBuild({ images, snapshots, instances, disks }: RegionState, buildId: string) {
  const own = (list: StateResource[]) =>
    list.filter(({ tags }) => tags[tagKeys.build]?.endsWith(`/${buildId}`) === true);
  return { images: own(images), snapshots: own(snapshots), instances: own(instances), disks: own(disks) };
}

/** The snapshots that an image is made of. */
export const snapshotsOf = (image: StateResource) => (image.snapshots as { id: string }[]).map(({ id }) => id);
