import type { Client } from '@temporalio/client';
import { currentOf, type FamilyImage, imageCalled, previousOf } from '../../contract';
import { ClientError } from '../errors';
import { exitCodes, type ExitCode } from '../exit-codes';
import { currentImage, listFamily, rollBack } from '../families';
import { print, printError, printJson } from '../output/print';
import { currentFields, familiesTable, familyTable } from '../output/families';
import { colorsFor } from '../output/text';
import { sharedThatChange } from '../shared-images';
import { userName } from '../start-release';
import { connected } from './connected';
import type { ImageOptions } from './options';
import { saySharesTaken } from './shares-taken';

const columns = () => (process.stdout.isTTY ? process.stdout.columns : undefined);
const queueOf = ({ taskQueue }: ImageOptions) => (taskQueue === undefined ? {} : { taskQueue });
const askedOf = ({ region, roleArn }: ImageOptions) => ({ region, ...(roleArn === undefined ? {} : { roleArn }) });

/** Lists the families of a region, each with its current image. */
export function listFamilies(options: ImageOptions): Promise<ExitCode> {
  return connected(options, async ({ client }) => {
    const { images } = await listFamily(client, askedOf(options), queueOf(options));
    const families = [...new Set(images.map(({ family }) => family))].sort();
    const rows = families.map((one) =>
      summaryOf(
        one,
        images.filter(({ family }) => family === one),
      ),
    );
    if (options.json === true) print(JSON.stringify(rows, undefined, 2));
    else if (rows.length === 0)
      printError(`No image families in ${options.region}: no pipeline has made an image yet.`);
    else print(...familiesTable(rows, colorsFor(process.stdout), columns()));
    return exitCodes.done;
  });
}

const summaryOf = (family: string, images: FamilyImage[]) => ({
  family,
  images: images.length,
  current: currentOf(images),
  previous: previousOf(images),
});

/** Shows the images of one family. */
export function showFamily(family: string, options: ImageOptions): Promise<ExitCode> {
  return connected(options, async ({ client }) => {
    const { images } = await listFamily(client, { ...askedOf(options), family }, queueOf(options));
    if (options.json === true) print(JSON.stringify({ ...summaryOf(family, images), images }, undefined, 2));
    else if (images.length === 0) printError(`No images of family ${family} in ${options.region}.`);
    else print(...familyTable(images, colorsFor(process.stdout), columns()));
    return exitCodes.done;
  });
}

/** Prints the ID of the image that is current in a family, and nothing else. */
export function current(family: string, options: ImageOptions): Promise<ExitCode> {
  return connected(options, async ({ client }) => {
    const image = await currentImage(client, { ...askedOf(options), family }, queueOf(options));
    if (options.json === true) printJson(currentFields(image, options.region));
    else print(image.imageId);
    return exitCodes.done;
  });
}

interface RollbackOptions extends ImageOptions {
  to?: string;
  from?: string;
  by?: string;
  reason?: string;
}

/** Not to know which images are unshared for the change is no reason to leave a bad image current. */
async function saySharesOf(client: Client, options: RollbackOptions, images: FamilyImage[]): Promise<void> {
  const { to } = options;
  const target = to === undefined ? previousOf(images) : imageCalled(images, to);
  // The worker says why not.
  if (!target || target === currentOf(images)) return;
  await saySharesTaken(client, () => sharedThatChange(client, askedOf(options), images, target, queueOf(options)));
}

/** What is to be taken back: the image that is named, or else the one that is current now. Another one stays, should it be by then. */
function fromOf({ from }: RollbackOptions, images: FamilyImage[]): { from?: string } {
  const named = from === undefined ? currentOf(images) : imageCalled(images, from);
  if (from !== undefined && !named)
    throw new ClientError(`${from} is no image of the family: see cvm-image family show`);
  return named ? { from: named.imageId } : {};
}

/** Makes the image current again that was so before. */
export function rollback(family: string, options: RollbackOptions): Promise<ExitCode> {
  return connected(options, async (temporal) => {
    const { region, roleArn, to, reason, by = userName(), json } = options;
    const { accountId, images } = await listFamily(temporal.client, { ...askedOf(options), family }, queueOf(options));
    await saySharesOf(temporal.client, options, images);
    const done = await rollBack(
      temporal.client,
      { accountId, family, ...queueOf(options) },
      {
        place: { region, heartbeat: 20, ...(roleArn === undefined ? {} : { roleArn }) },
        by,
        ...fromOf(options, images),
        ...(to === undefined ? {} : { to }),
        ...(reason === undefined ? {} : { reason }),
      },
    );
    if (json === true) printJson({ type: 'rolled-back', family, region, ...done });
    else {
      print(
        `${done.imageId} is the current image of ${family} in ${region}${done.previous === undefined ? '' : `, instead of ${done.previous}`}.`,
      );
      printError(...done.notes);
    }
    return exitCodes.done;
  });
}
