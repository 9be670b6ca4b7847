import { type FamilyImage, planRetirement, type ReleaseActivities, type Ties } from '../../contract';
import { type Standing, standingOf } from '../build-standing';
import type { Instance } from '../cloud/cloud';
import { allPages, pageSize } from '../cloud/images';
import type { StepRun } from '../engine/run';
import { step } from '../engine/step';
import { imagesOfFamily } from './family-images';

type Input = Parameters<ReleaseActivities['inspectRetirement']>[0];
type Output = Awaited<ReturnType<ReleaseActivities['inspectRetirement']>>;

/**
 * Says of each image of a family in the region whether it is to go, and why. Whether an instance uses it is looked up for all
 * of them at once; whether the run that made a candidate is over is for Temporal to say, and what it does not know stays: that
 * is for a person to delete. Changes nothing.
 */
export const inspectRetirement = step<Input, Output>('before changes', async (run, { family, retirement, only }) => {
  const images = await imagesOfFamily(run, family);
  const users = await instancesByImage(run);
  const runs = await runsNotOver(run, images.filter(isWanted(only)), retirement.release);
  const tiesOf = ({ imageId, release }: FamilyImage): Ties => ({
    instances: users.get(imageId) ?? [],
    run: runs.get(release),
  });
  const fates = planRetirement(images, retirement, tiesOf);
  return { fates: fates.filter(({ image }) => isWanted(only)(image)) };
});

const isWanted = (only: string | undefined) => (image: FamilyImage) => only === undefined || image.imageId === only;

/** The runs of candidates that are not known to be over, with what is known. */
async function runsNotOver(
  run: StepRun,
  images: FamilyImage[],
  asking: string | undefined,
): Promise<Map<string, string>> {
  const runs = new Map<string, string>();
  for (const release of new Set(images.filter(({ state }) => state === 'candidate').map((one) => one.release))) {
    const standing: Standing = release === asking ? { is: 'open' } : await standingOf(run.build.region, release);
    if (standing.is !== 'closed') runs.set(release, notOver(standing));
  }
  return runs;
}

function notOver(standing: Exclude<Standing, { is: 'closed' }>): string {
  switch (standing.is) {
    case 'open':
      return 'its run is not over';
    case 'missing':
      return 'Temporal has no history of its run: whether it is abandoned is for a person to say (cvm-image delete)';
    case 'unknown':
      return `Temporal did not say whether its run is over (${standing.why})`;
  }
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
