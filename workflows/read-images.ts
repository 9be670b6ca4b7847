import { ActivityFailure, ApplicationFailure, isCancellation, workflowInfo } from '@temporalio/workflow';
import {
  type BuildRef,
  checkAgainst,
  type DescribeImageInput,
  describeImageSchema,
  type FamilyListing,
  type ImageDetails,
  type ImageSummary,
  type ListImagesInput,
  listFamilySchema,
  type ListFamilyInput,
  listImagesSchema,
} from '../contract';
import { activitiesOf } from './build-activities';
import { accepted } from './checked-spec';
import { stepFailure } from './failures';

/** Which custom images there are. Only looks: a workflow, because the worker has the credentials and the client has not. */
export async function listImages(input: ListImagesInput): Promise<{ images: ImageSummary[] }> {
  const spec = accepted(checkAgainst(listImagesSchema(), input));
  const { region, family, shares, deadlines } = spec;
  const activities = activitiesOf(spec, { summary: `custom images in ${region}`, deadline: deadlines.listImages });
  return told(activities.listImages({ build: refOf(spec, ''), family, shares }));
}

/** Everything about one custom image. Only looks. */
export async function describeImage(input: DescribeImageInput): Promise<ImageDetails> {
  const spec = accepted(checkAgainst(describeImageSchema(), input));
  const { region, image, deadlines } = spec;
  const activities = activitiesOf(spec, { summary: `${image} in ${region}`, deadline: deadlines.describeImage });
  return told(activities.describeImage({ build: refOf(spec, image), image }));
}

/** Which images families have in a region, and what became of each. Only looks. */
export async function listFamily(input: ListFamilyInput): Promise<FamilyListing> {
  const spec = accepted(checkAgainst(listFamilySchema(), input));
  const { region, family, deadlines } = spec;
  const summary = family === undefined ? `image families in ${region}` : `image family ${family} in ${region}`;
  const activities = activitiesOf(spec, { summary, deadline: deadlines.listFamily });
  return told(activities.listFamily({ build: refOf(spec, ''), family }));
}

/** Nothing is made, so the ID is in no tag; it tells the log lines of one look from those of another. */
function refOf({ region, roleArn }: { region: string; roleArn?: string | undefined }, image: string): BuildRef {
  const buildId = `look-${workflowInfo().firstExecutionRunId.slice(-12)}`;
  return { buildId, region, instanceId: image, reset: false, roleArn };
}

/** Fails in the cloud's own words, with what to do as the first detail, instead of with "Activity task failed". */
export async function told<T>(activity: Promise<T>): Promise<T> {
  try {
    return await activity;
  } catch (error) {
    if (!(error instanceof ActivityFailure) || isCancellation(error)) throw error;
    const { code, message, advice, requestId } = stepFailure(error);
    const details = [{ code, message, advice, requestId }];
    throw ApplicationFailure.create({ type: code, message, nonRetryable: true, details });
  }
}
