import { checkAgainst, type RetiredImage, type Retirement, retireSchema } from '../../contract';
import { agrees } from '../agree';
import { ClientError } from '../errors';
import { exitCodes, type ExitCode } from '../exit-codes';
import { listFamily, retireFamily } from '../families';
import { retiredTable } from '../output/families';
import { print, printError, printJson } from '../output/print';
import { colorsFor } from '../output/text';
import { loadPipeline } from '../spec-input';
import { connected } from './connected';
import { type ImageOptions, numberOrText } from './options';

interface RetireOptions extends ImageOptions {
  file?: string;
  keep?: string;
  youngerThan?: string;
  keepRejected?: string;
  dryRun?: boolean;
  yes?: boolean;
}

/**
 * Deletes what the rules no longer keep of a family in one region, after saying what goes and why, and asking. The current image,
 * the one before it, and what is in use stay whatever the rules say. With `--dry-run` nothing is deleted.
 */
export async function retire(family: string, options: RetireOptions): Promise<ExitCode> {
  const rules = rulesOf(family, options);
  const { region, roleArn, taskQueue, dryRun, yes, json } = options;
  const canAsk = process.stdin.isTTY && process.stdout.isTTY && json !== true;
  if (dryRun !== true && yes !== true && !canAsk) {
    throw new ClientError('Nobody can be asked here: with --yes images are deleted without a question; see --dry-run.');
  }
  return connected(options, async ({ client }) => {
    const queue = taskQueue === undefined ? {} : { taskQueue };
    const role = roleArn === undefined ? {} : { roleArn };
    const { accountId } = await listFamily(client, { region, family, ...role }, queue);
    const place = { region, heartbeat: 20, ...role };
    // What is shown, and what goes then, is by the same rules and the same time.
    const asked = { place, ...rules, now: new Date().toISOString() };
    const ask = (how: Pick<Retirement, 'dryRun' | 'only'>) =>
      retireFamily(client, { accountId, family, ...queue }, { ...asked, ...how });
    const planned = await ask({ dryRun: true });
    const going = planned.filter(({ outcome }) => outcome === 'would go');
    if (dryRun === true || going.length === 0 || yes !== true) {
      show(planned, options);
      if (json !== true && going.length === 0) printError(`Nothing of ${family} is to go in ${region}.`);
    }
    if (dryRun === true || going.length === 0) return exitCodes.done;
    if (
      yes !== true &&
      !(await agrees(
        `Delete ${going.length === 1 ? 'this image' : `these ${going.length} images`} with their snapshots for good?`,
      ))
    ) {
      print('Nothing was deleted.');
      return exitCodes.cancelled;
    }
    // A promotion meanwhile may have made others superfluous, too.
    const retired = await ask({ dryRun: false, only: going.map(({ imageId }) => imageId) });
    show(retired, options);
    const isDone = retired.every(({ problem, snapshotIds }) => problem === undefined && snapshotIds === undefined);
    return isDone ? exitCodes.done : exitCodes.buildFailed;
  });
}

/** The rules of the pipeline, if one is named, with the flags over them. */
function rulesOf(
  family: string,
  { file, keep, youngerThan, keepRejected }: RetireOptions,
): Pick<Retirement, 'keep' | 'youngerThan' | 'keepRejected'> {
  const pipeline = file === undefined ? undefined : loadPipeline(file);
  if (pipeline && pipeline.family !== family) {
    throw new ClientError(`The pipeline in ${file ?? ''} is of the family ${pipeline.family}, not of ${family}.`);
  }
  const given = {
    keep: numberOrText(keep),
    youngerThan: numberOrText(youngerThan),
    keepRejected: numberOrText(keepRejected),
  };
  const flags = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  const check = checkAgainst(retireSchema(), { ...pipeline?.retire, ...flags });
  if (!check.ok) {
    const told = check.problems.map(
      ({ path, message }) => `--${path.replace(/[A-Z]/g, (c) => `-${c.toLowerCase()}`)}: ${message}`,
    );
    throw new ClientError(told.join('\n'));
  }
  if (check.spec.keep === undefined && check.spec.youngerThan > 0) {
    throw new ClientError('--younger-than goes with --keep: without a number all releases stay.');
  }
  return check.spec;
}

function show(images: RetiredImage[], { json }: RetireOptions): void {
  if (json === true) for (const one of images) printJson({ type: 'retirement', ...one });
  else if (images.length > 0) {
    const columns = process.stdout.isTTY ? process.stdout.columns : undefined;
    print(...retiredTable(images, colorsFor(process.stdout), columns));
  }
}
