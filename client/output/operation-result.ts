import { type DeletionResult, formatSeconds, type LaunchResult } from '../../contract';
import { describeResource, durationRows, instanceRows, type ResultOptions } from './rows';
import { labelled, plain } from './text';

/** What a launch made: the new instance with its addresses and disks, and the seconds per step. */
export function renderLaunch(result: LaunchResult, options: ResultOptions = {}): string {
  const { image, instance } = result;
  const family = image.family === undefined ? '' : `, family ${image.family}`;
  return over(
    `Launch ${result.buildId} is done`,
    [['image', `${image.imageId}  ${image.name}, ${image.size} GiB${family}`], ...instanceRows(instance)],
    result,
    options,
  );
}

/** What a deletion removed, and what stays because something else needs it. */
export function renderDeletion(result: DeletionResult, options: ResultOptions = {}): string {
  const of = (fate: string) => result.resources.filter((one) => one.fate === fate).map(describeResource);
  const rows: [string, string][] = [['deleted', of('deleted').join('\n')]];
  if (of('kept').length > 0) rows.push(['stays', of('kept').join('\n')]);
  return over(`Image ${result.image.imageId} (${result.image.name}) is deleted`, rows, result, options);
}

function over(
  headline: string,
  rows: [string, string][],
  { steps }: LaunchResult | DeletionResult,
  { colors = plain, seconds, webUi, extra = [] }: ResultOptions,
): string {
  const all = [...rows, ...extra, ...(webUi === undefined ? [] : [['Web UI', webUi] as [string, string]])];
  const took = seconds === undefined ? '' : ` in ${formatSeconds(seconds)}`;
  return [
    colors.bold(colors.green(`${headline}${took}.`)),
    '',
    ...labelled(all, colors),
    '',
    ...durationRows(steps),
  ].join('\n');
}
