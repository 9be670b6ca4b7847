import { exitCodes, type ExitCode } from '../exit-codes';
import { listImages } from '../images';
import { imagesTable } from '../output/images';
import { print, printError } from '../output/print';
import { colorsFor } from '../output/text';
import { connected } from './connected';
import type { ImageOptions } from './options';

interface ImagesOptions extends ImageOptions {
  family?: string;
  /** False with `--no-shares`. */
  shares?: boolean;
}

/** Lists the custom images of a region. */
export async function images(options: ImagesOptions): Promise<ExitCode> {
  return connected(options, async ({ client }) => {
    const { region, family, shares = true, roleArn, taskQueue, json } = options;
    const found = await listImages(
      client,
      { region, shares, ...(family === undefined ? {} : { family }), ...(roleArn === undefined ? {} : { roleArn }) },
      taskQueue === undefined ? {} : { taskQueue },
    );
    if (json === true) print(JSON.stringify(found, undefined, 2));
    else if (found.length === 0) {
      printError(`No custom images${family === undefined ? '' : ` of family ${family}`} in ${region}.`);
    } else {
      const columns = process.stdout.isTTY ? process.stdout.columns : undefined;
      print(...imagesTable(found, colorsFor(process.stdout), columns));
    }
    return exitCodes.done;
  });
}
