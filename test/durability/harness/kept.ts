import { type Resource, tagKeys } from '../../../contract';
import type { RegionState } from '../../support/simulator';
import { kinds } from './clean';
import type { BuildEnd } from './ending';
import { hasKeptImage, ofBuild, snapshotsOf } from './exact';

/** How a build begins to say of a resource that it could not tag it. */
const couldNotTag = 'not tagged as kept';

/**
 * What a build that failed or was cancelled lists as kept is not believed: it is the build's own, and tagged as kept, so that no
 * sweep has to go by the list. Before the commit point nothing is kept, unless the spec says so.
 *
 * @param atEnd the region before the sweep
 * @param about.taken IDs of what somebody else deleted, or took the build's tag from
 * @param about.orphans IDs of what that has left, and nobody's any more
 * @param about.mayBeUntagged whether the tag service may have been away for longer than the build had time
 */
export function keptProblems(
  end: BuildEnd,
  atEnd: RegionState,
  about: { taken?: ReadonlySet<string>; orphans?: ReadonlySet<string>; mayBeUntagged?: boolean } = {},
): string[] {
  const { taken = new Set(), orphans = new Set(), mayBeUntagged = false } = about;
  if (end.how !== 'failed' && end.how !== 'cancelled') return [];
  const there = new Map(kinds.flatMap((kind) => atEnd[kind].map((one) => [one.id, one])));
  // That what is listed is there is looked at by itself.
  const kept = (end.failure?.resources ?? []).filter(({ fate, id }) => fate === 'kept' && there.has(id));
  const made = new Set(
    Object.values(ofBuild(atEnd, end.buildId))
      .flat()
      .map(({ id }) => id),
  );
  const own = kept.filter(({ id }) => made.has(id));
  const listed = new Set(kept.map(({ id }) => id));
  // They bear no tags.
  const implicit = new Set(atEnd.images.filter(({ id }) => listed.has(id) || taken.has(id)).flatMap(snapshotsOf));
  const isForeign = ({ id }: Resource) => !made.has(id) && !implicit.has(id) && !taken.has(id) && !orphans.has(id);
  const isPending = ({ id, note }: Resource) =>
    there.get(id)!.tags[tagKeys.state] !== 'kept' && !(mayBeUntagged && note?.startsWith(couldNotTag) === true);
  const early = own.length > 0 && !keepsAll(end) && !hasKeptImage(end, atEnd, taken);
  return [
    ...kept.filter(isForeign).map(({ id }) => `${id} is listed as kept, and is not of the build`),
    ...own.filter(isPending).map(({ id }) => `${id} is listed as kept, and is not tagged so`),
    ...(early ? [`kept before there was an image: ${own.map(({ id }) => id).join(', ')}`] : []),
  ];
}

/** Whether a build was asked to keep whatever it made. One that is cancelled does not. */
const keepsAll = ({ how, build }: BuildEnd) => how === 'failed' && build.spec.onFailure === 'keep';
