import { exitCodes, type ExitCode } from '../exit-codes';
import { describeImage } from '../images';
import { renderImage } from '../output/images';
import { print } from '../output/print';
import { colorsFor } from '../output/text';
import { connected } from './connected';
import type { ImageOptions } from './options';

/** Shows everything about one image: where it comes from, what belongs to it, who uses it. */
export async function showImage(image: string, options: ImageOptions): Promise<ExitCode> {
  return connected(options, async ({ client }) => {
    const { region, roleArn, taskQueue, json } = options;
    const details = await describeImage(
      client,
      { region, image, ...(roleArn === undefined ? {} : { roleArn }) },
      taskQueue === undefined ? {} : { taskQueue },
    );
    if (json === true) print(JSON.stringify({ region, ...details }, undefined, 2));
    else print(renderImage(region, details, colorsFor(process.stdout)));
    return exitCodes.done;
  });
}
