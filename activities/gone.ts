import { tagKeys } from '../contract';
import type { StepRun } from './engine/run';

/** Resources of a build by their kind. */
export type Parts = Partial<Record<'image' | 'snapshot' | 'instance' | 'disk', string[]>>;

/**
 * Looks which of these resources are no longer there, for a step that was refused because of one, and has its failure say
 * so: what the build lists as kept is to be there.
 *
 * @returns the IDs of those that are gone
 */
export async function loseGone(
  run: StepRun,
  { image = [], snapshot = [], instance = [], disk = [] }: Parts,
): Promise<string[]> {
  const { images, snapshots, instances } = run.cloud;
  const disks =
    disk.length === 0 ? [] : await run.patiently('disks', () => run.cloud.disksByTag(tagKeys.build, run.owner));
  const ours = { look: (id: string) => Promise.resolve(disks.find(({ DiskId }) => DiskId === id)) };
  const look = (ids: string[], looker: { look: (id: string) => Promise<unknown> }) =>
    Promise.all(ids.map(async (id) => ({ id, seen: await run.patiently(id, () => looker.look(id)) })));
  const all = await Promise.all([
    look(image, images),
    look(snapshot, snapshots),
    look(instance, instances),
    look(disk, ours),
  ]);
  const gone = all
    .flat()
    .filter(({ seen }) => seen === undefined)
    .map(({ id }) => id);
  for (const id of gone) run.lose(id);
  return gone;
}
