import type { Client } from '@temporalio/client';
import { exitCodes, type ExitCode } from '../exit-codes';
import { buildsTable } from '../output/builds-table';
import { print, printError } from '../output/print';
import { releasesTable } from '../output/releases-table';
import { colorsFor } from '../output/text';
import { listBuildsAndReleases, listReleases } from '../releases';
import { connected } from './connected';
import type { CommonOptions } from './options';

interface ListFlags extends CommonOptions {
  region?: string;
  family?: string;
  instance?: string;
  all?: boolean;
  held?: boolean;
  waiting?: boolean;
  limit: number;
}

/** Lists open and recent builds and releases. */
export async function list(options: ListFlags): Promise<ExitCode> {
  return connected(options, async ({ client, namespace }) => {
    const { region, family, instance, all = false, held = false, limit, json } = options;
    if (options.waiting === true) return listWaiting(client, options);
    const found = await listBuildsAndReleases(client, {
      all,
      held,
      limit,
      ...(region === undefined ? {} : { region }),
      ...(family === undefined ? {} : { family }),
      ...(instance === undefined ? {} : { instanceId: instance }),
    });
    if (json === true) {
      print(JSON.stringify(found, undefined, 2));
      return exitCodes.done;
    }
    if (found.length === 0) {
      printError(
        `No ${held ? 'held ' : ''}builds or releases in namespace ${namespace}${all || held ? '' : ' that are open or ended within a week (--all: all)'}.`,
      );
      return exitCodes.done;
    }
    const columns = process.stdout.isTTY ? process.stdout.columns : undefined;
    print(...buildsTable(found, Date.now(), colorsFor(process.stdout), columns));
    if (found.length === limit) printError(`The first ${limit}: there may be more (--limit).`);
    return exitCodes.done;
  });
}

/** Lists the releases whose candidate waits for an approval. */
async function listWaiting(client: Client, { region, family, limit, json }: ListFlags): Promise<ExitCode> {
  const releases = await listReleases(client, {
    waiting: true,
    limit,
    ...(region === undefined ? {} : { region }),
    ...(family === undefined ? {} : { family }),
  });
  if (json === true) print(JSON.stringify(releases, undefined, 2));
  else if (releases.length === 0) printError('No release waits for an approval.');
  else {
    const columns = process.stdout.isTTY ? process.stdout.columns : undefined;
    print(...releasesTable(releases, colorsFor(process.stdout), columns));
  }
  return exitCodes.done;
}
