import { type BuildActivities, tagKeys } from '../contract';
import { setTags, type TaggedType } from './cloud/tags';
import { step } from './engine/step';

type Input = Parameters<BuildActivities['keepResources']>[0];

/**
 * Marks resources as kept: from here on nothing of this project deletes them by itself. The image and its snapshots are
 * marked at the commit point, a launched instance and its disks as the last act of the build.
 *
 * TAG TagResources replaces the value of a key that is there, so twice is harmless. Snapshots that the cloud made for an
 * image take no tags; they are recognised by their image.
 */
export const keepResources = step<Input, undefined>('step', async (run, input) => {
  const ids: Record<TaggedType, string[] | undefined> = {
    image: input.imageIds,
    snapshot: input.snapshotIds,
    instance: input.instanceIds,
    volume: input.diskIds,
  };
  const resources = Object.entries(ids).flatMap(([type, some = []]) =>
    some.map((id) => ({ type: type as TaggedType, id })),
  );
  await run.achieve({
    title: `tags of ${resources.length} resources`,
    // Tags show late; that the cloud took them is what counts.
    look: () => Promise.resolve(undefined),
    judge: (_seen, acted) => (acted || resources.length === 0 ? { is: 'done' } : { is: 'act' }),
    act: {
      action: 'TagResources',
      repeatable: true,
      call: async () => {
        await setTags(run.cloud, resources, { [tagKeys.state]: 'kept' });
        return undefined;
      },
    },
  });
  return undefined;
});
