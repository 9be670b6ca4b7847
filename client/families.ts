import type { Client } from '@temporalio/client';
import {
  currentOf,
  type FamilyImage,
  type FamilyListing,
  type ListFamilyInput,
  listFamilyWorkflowType,
  type Promoted,
  rollbackUpdate,
  type RetiredImage,
  retireUpdate,
  type Retirement,
  type Rollback,
} from '../contract';
import { askFamily, type FamilyAbout } from './ask-family';
import { ClientError } from './errors';
import { ask } from './images';
import type { StartOptions } from './start-build';

/**
 * The images of families in a region, as their tags have it. Asked through a worker: the client has no cloud credentials.
 *
 * @throws {ImageQuestionError} when the cloud refuses
 * @throws {NoWorkerError} when no worker answers
 */
export async function listFamily(
  client: Client,
  input: ListFamilyInput,
  options: StartOptions = {},
): Promise<FamilyListing> {
  const about = `Image ${input.family === undefined ? 'families' : `family ${input.family}`} in ${input.region}`;
  const answer = await ask(client, listFamilyWorkflowType, `list-family/${input.region}`, input, about, options);
  return answer as FamilyListing;
}

/**
 * The image that is current in a family.
 *
 * @throws {ClientError} when there is none
 */
export async function currentImage(
  client: Client,
  input: ListFamilyInput & { family: string },
  options: StartOptions = {},
): Promise<FamilyImage> {
  const { images } = await listFamily(client, input, options);
  const current = currentOf(images);
  if (current) return current;
  throw new ClientError(`The family ${input.family} has no current image in ${input.region}.`);
}

/** Longer than the deadlines of the family's workflow for one rollback: it looks, marks and lets answer, and takes the other back. */
const rollbackSeconds = 4800;
/** As long as a pipeline's retirement may take, unless it says otherwise: one image goes after the other. */
const retireSeconds = 7200;

/** Makes the image current again that was so before, or the one that is named. */
export const rollBack = (client: Client, about: FamilyAbout, rollback: Rollback): Promise<Promoted> =>
  askFamily<Promoted>(client, about, rollbackUpdate.name, rollback, rollbackSeconds);

/** Deletes what the rules no longer keep of a family in one region; with `dryRun` it only says what would go and what would stay. */
export const retireFamily = (client: Client, about: FamilyAbout, retirement: Retirement): Promise<RetiredImage[]> =>
  askFamily<RetiredImage[]>(client, about, retireUpdate.name, retirement, retireSeconds);
