import type { PlanActivities } from '../contract';
import { imageRequest } from './create-image';
import { step } from './engine/step';
import { problemOf } from './inspect-for-plan';

type Input = Parameters<PlanActivities['dryRunImage']>[0];
type Output = Awaited<ReturnType<PlanActivities['dryRunImage']>>;

/**
 * Asks the cloud what it thinks of the image, by CVM CreateImage with DryRun: the same request that `createImage` would
 * send. Snapshots that do not exist yet are stood in for by the instance itself; the API allows that while it is RUNNING.
 */
export const dryRunImage = step<Input, Output>('before changes', async (run, input) => {
  const action = 'CreateImage';
  try {
    await run.patiently(`image ${input.name}`, () => run.cloud.dryRun(action, imageRequest(run, input)));
    return { dryRun: { action, answer: 'accepted' } };
  } catch (error) {
    const problem = problemOf('createImage', error);
    return { dryRun: { action, answer: 'refused', why: problem.code }, problem };
  }
});
