import { exitCodes, type ExitCode } from '../exit-codes';
import { listLaunches } from '../list-launches';
import { launchesTable } from '../output/launches-table';
import { print, printError } from '../output/print';
import { colorsFor } from '../output/text';
import { connected } from './connected';
import type { CommonOptions } from './options';

interface LaunchesOptions extends CommonOptions {
  region?: string;
  all?: boolean;
  limit: number;
}

/** Lists open and recent launches. */
export async function launches(options: LaunchesOptions): Promise<ExitCode> {
  return connected(options, async ({ client, namespace }) => {
    const { region, all = false, limit, json } = options;
    const found = await listLaunches(client, { all, limit, ...(region === undefined ? {} : { region }) });
    if (json === true) print(JSON.stringify(found, undefined, 2));
    else if (found.length === 0) {
      printError(
        `No launches in namespace ${namespace}${all ? '' : ' that are open or ended within a week (--all: all)'}.`,
      );
    } else {
      const columns = process.stdout.isTTY ? process.stdout.columns : undefined;
      print(...launchesTable(found, Date.now(), colorsFor(process.stdout), columns));
      if (found.length === limit) printError(`The first ${limit}: there may be more (--limit).`);
    }
    return exitCodes.done;
  });
}
