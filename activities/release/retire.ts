import { type FamilyImage, planRetirement, type ReleaseActivities, type Ties } from '../../contract';
import { standingOf } from '../build-standing';
import type { Instance } from '../cloud/cloud';
import { allPages, pageSize } from '../cloud/images';
import type { StepRun } from '../engine/run';
import { step } from '../engine/step';
import { imagesOfFamily } from './family-images';

type Input = Parameters<ReleaseActivities['inspectRetirement']>[0];
type Output = Awaited<ReturnType<ReleaseActivities['inspectRetirement']>>;

/**
 * Says of each image of a family in the region whether it is to go, and why. Whether an instance uses it is looked up for all
 * of them at once; whether the run that made a candidate is over is for Temporal to say, and what it does not know counts as
 * open. Changes nothing.
 */
export const inspectRetirement = step<Input, Output>('before changes', async (run, { family, retirement, only }) => {
  const images = await imagesOfFamily(run, family);
  const users = await instancesByImage(run);
  const open = await openRuns(run, images.filter(isWanted(only)), retirement.release);
  const tiesOf = ({ imageId, release }: FamilyImage): Ties => ({
    instances: users.get(imageId) ?? [],
    runIsOpen: open.has(release),
  });
  const fates = planRetirement(images, retirement, tiesOf);
  return { fates: fates.filter(({ image }) => isWanted(only)(image)) };
});

const isWanted = (only: string | undefined) => (image: FamilyImage) => only === undefined || image.imageId === only;

/** The runs of candidates that are not known to be over. */
async function openRuns(run: StepRun, images: FamilyImage[], asking: string | undefined): Promise<Set<string>> {
  const releases = new Set(images.filter(({ state }) => state === 'candidate').map(({ release }) => release));
  const open = new Set<string>(asking === undefined ? [] : [asking]);
  for (const release of releases) {
    if (open.has(release)) continue;
    const { is } = await standingOf(run.build.region, release);
    if (is !== 'closed') open.add(release);
  }
  return open;
}

/** Instances of the region by the image that they were launched from; what never came up or is on its way out needs none. */
async function instancesByImage(run: StepRun): Promise<Map<string, string[]>> {
  const all = await run.patiently('instances of the region', () =>
    allPages<Instance>(
      async (Offset) =>
        (await run.cloud.call('cvm', 'DescribeInstances', { Offset, Limit: pageSize })).InstanceSet ?? [],
    ),
  );
  const users = new Map<string, string[]>();
  for (const { ImageId, InstanceId, InstanceState = '' } of all) {
    if (ImageId === undefined || InstanceId === undefined) continue;
    if (['TERMINATING', 'LAUNCH_FAILED'].includes(InstanceState)) continue;
    users.set(ImageId, [...(users.get(ImageId) ?? []), InstanceId]);
  }
  return users;
}
