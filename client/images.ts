import { randomUUID } from 'node:crypto';
import { type Client, WorkflowFailedError } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import {
  defaultTaskQueue,
  type DescribeImageInput,
  describeImageWorkflowType,
  type ImageDetails,
  type ImageSummary,
  type ListImagesInput,
  listImagesWorkflowType,
} from '../contract';
import { askWorker, NoWorkerError } from './ask-worker';
import { ClientError } from './errors';
import { exitCodes } from './exit-codes';
import { explainStart, type StartOptions } from './start-build';

/** The worker cannot tell: the cloud refuses, or there is no such image (code `ImageNotFound`). */
export class ImageQuestionError extends ClientError {
  override readonly name = 'ImageQuestionError';

  constructor(
    /** The cloud's own code, or one of ours. */
    readonly code: string,
    message: string,
  ) {
    super(message, ['ImageNotFound', 'NotCustom'].includes(code) ? exitCodes.wrongUse : exitCodes.buildFailed);
  }
}

/**
 * The custom images of the worker's account in a region, the newest first. Asked through a worker: the client has no cloud
 * credentials.
 *
 * @throws {ImageQuestionError} when the cloud refuses
 * @throws {NoWorkerError} when no worker answers
 */
export async function listImages(
  client: Client,
  input: ListImagesInput,
  options: StartOptions = {},
): Promise<ImageSummary[]> {
  const about = `Custom images in ${input.region}`;
  const answer = await ask(client, listImagesWorkflowType, `list-images/${input.region}`, input, about, options);
  return (answer as { images: ImageSummary[] }).images;
}

/**
 * Everything about one custom image: by its ID, its exact name, or `family:NAME`.
 *
 * @throws {ImageQuestionError} when there is no such image, or the cloud refuses
 * @throws {NoWorkerError} when no worker answers
 */
export async function describeImage(
  client: Client,
  input: DescribeImageInput,
  options: StartOptions = {},
): Promise<ImageDetails> {
  const about = `Image ${input.image.slice(0, 60)} in ${input.region}`;
  const answer = await ask(client, describeImageWorkflowType, `describe-image/${input.region}`, input, about, options);
  return answer as ImageDetails;
}

/** Seconds that an answer may take: longer than the workflow's own deadline, which says why. */
const limitSeconds = 330;

/** Asks a worker something in a workflow of its own, whose ID begins with `place`. */
export async function ask(
  client: Client,
  type: string,
  place: string,
  input: unknown,
  staticSummary: string,
  { taskQueue = process.env.CVM_IMAGE_TASK_QUEUE ?? defaultTaskQueue }: StartOptions,
): Promise<unknown> {
  const workflowId = `${place}/${randomUUID()}`;
  try {
    const { result } = await askWorker(
      client,
      type,
      { workflowId, taskQueue, args: [input], staticSummary },
      limitSeconds,
    );
    return result;
  } catch (error) {
    if (error instanceof NoWorkerError) throw error;
    throw error instanceof ClientError ? await refusalOf(client, workflowId, error) : explainStart(error);
  }
}

/** What the workflow failed with: the cloud's code, and what to do. */
async function refusalOf(client: Client, workflowId: string, otherwise: ClientError): Promise<ClientError> {
  const cause = await client.workflow
    .getHandle(workflowId)
    .result()
    .then(
      () => undefined,
      (error: unknown) => (error instanceof WorkflowFailedError ? error.cause : undefined),
    );
  if (!(cause instanceof ApplicationFailure)) return otherwise;
  const [details] = (cause.details ?? []) as [{ advice?: string } | undefined];
  const code = cause.type ?? 'Error';
  const told = cause.message.includes(code) || ['ImageNotFound', 'NotCustom'].includes(code);
  const message = [told ? cause.message : `${cause.message} (${code})`, details?.advice].filter(Boolean).join('\n');
  // An ID is no word to be capitalised.
  const begins = /^[a-z]+-\w/.test(message) ? message : message.charAt(0).toUpperCase() + message.slice(1);
  return new ImageQuestionError(code, begins);
}
