import { type BuildActivities, tagKeys } from '../contract';
import { CloudError } from './cloud/errors';
import { batchSize, setTags, type TaggedType } from './cloud/tags';
import type { Goal } from './engine/goal';
import type { StepRun } from './engine/run';
import { step } from './engine/step';
import { loseGone } from './gone';

type Input = Parameters<BuildActivities['keepResources']>[0];

/**
 * Marks resources as kept: from here on nothing of this project deletes them by itself. The image and its snapshots are
 * marked at the commit point, a launched instance and its disks as the last act of the build.
 *
 * TAG TagResources replaces the value of a key that is there, so twice is harmless. Snapshots that the cloud made for an
 * image take no tags; they are recognised by their image. An instance is marked together with its disks, or, where one
 * request does not take as many, after them: its own mark says that the launch is complete.
 */
export const keepResources = step<Input, undefined>('step', async (run, input) => {
  const of = (type: TaggedType, ids: string[] = []) => ids.map((id) => ({ type, id }));
  const parts = of('image', input.imageIds).concat(of('snapshot', input.snapshotIds), of('volume', input.diskIds));
  const instances = of('instance', input.instanceIds);
  const all = [...instances, ...parts];
  for (const resources of all.length > batchSize ? [parts, instances] : [all]) {
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
        try {
          await setTags(run.cloud, resources, { [tagKeys.state]: 'kept' });
        } catch (error) {
          if (!(error instanceof CloudError) || !error.code.includes('NotFound')) throw error;
          throw (await goneFailure(run, resources)) ?? error;
        }
        return undefined;
      },
    },
  };
}

const goneCodes = { image: 'ImageGone', snapshot: 'SnapshotGone', instance: 'InstanceGone', volume: 'DiskGone' };

/** What the step ends with when some of the resources are no longer there. */
async function goneFailure(run: StepRun, resources: { type: TaggedType; id: string }[]): Promise<Error | undefined> {
  const of = (wanted: TaggedType) => resources.filter(({ type }) => type === wanted).map(({ id }) => id);
  const gone = await loseGone(run, {
    image: of('image'),
    snapshot: of('snapshot'),
    instance: of('instance'),
    disk: of('volume'),
  });
  const [first] = resources.filter(({ id }) => gone.includes(id));
  if (!first) return undefined;
  return run.refusal(
    goneCodes[first.type],
    `${gone.join(', ')} ${gone.length === 1 ? 'is' : 'are'} gone: somebody else deleted ${gone.length === 1 ? 'it' : 'them'}`,
    'Find out who deletes what is made here, and build again.',
  );
}
