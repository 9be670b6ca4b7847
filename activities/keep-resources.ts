import { type BuildActivities, tagKeys } from '../contract';
import { setTags, type TaggedType } from './cloud/tags';
import type { Goal } from './engine/goal';
import type { StepRun } from './engine/run';
import { step } from './engine/step';

type Input = Parameters<BuildActivities['keepResources']>[0];

/**
 * Marks resources as kept: from here on nothing of this project deletes them by itself. The image and its snapshots are
 * marked at the commit point, a launched instance and its disks as the last act of the build.
 *
 * TAG TagResources replaces the value of a key that is there, so twice is harmless. Snapshots that the cloud made for an
 * image take no tags; they are recognised by their image. An instance is marked after its disks: its own mark says that
 * the launch is complete.
 */
export const keepResources = step<Input, undefined>('step', async (run, input) => {
  const of = (type: TaggedType, ids: string[] = []) => ids.map((id) => ({ type, id }));
  const parts = of('image', input.imageIds).concat(of('snapshot', input.snapshotIds), of('volume', input.diskIds));
  for (const resources of [parts, of('instance', input.instanceIds)]) {
    if (resources.length > 0) await run.achieve(marked(run, resources));
  }
  return undefined;
});

function marked(run: StepRun, resources: { type: TaggedType; id: string }[]): Goal<never> {
  return {
    title: `tags of ${resources.length} resources`,
    // Tags show late; that the cloud took them is what counts.
    look: () => Promise.resolve(undefined),
    judge: (_seen, acted) => (acted ? { is: 'done' } : { is: 'act' }),
    act: {
      action: 'TagResources',
      repeatable: true,
      call: async () => {
        await setTags(run.cloud, resources, { [tagKeys.state]: 'kept' });
        return undefined;
      },
    },
  };
}
