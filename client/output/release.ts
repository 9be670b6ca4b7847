import { describeQueuedCopy, type Distribution, formatSeconds, type Problem, type Release } from '../../contract';
import { describeResource, durationRows, type ResultOptions } from './rows';
import { labelled, plain } from './text';

/** A release that is over, or still on its way, as people read it. */
export function renderRelease(release: Release, options: ResultOptions = {}): string {
  const { colors = plain, seconds, webUi, extra = [] } = options;
  const { buildId, outcome, stages } = release;
  const took = seconds === undefined ? '' : ` in ${formatSeconds(seconds)}`;
  const good = outcome === 'released' || outcome === 'unchanged';
  const headline = outcome === undefined ? `Release ${buildId} is not over` : `Release ${buildId}: ${outcome}${took}`;
  const rows = [...releaseRows(release), ...extra];
  if (webUi !== undefined) rows.push(['Web UI', webUi]);
  return [
    colors.bold(outcome === undefined ? headline : good ? colors.green(`${headline}.`) : colors.red(`${headline}.`)),
    '',
    ...labelled(rows, colors),
    '',
    ...durationRows(stages),
  ].join('\n');
}

function releaseRows(release: Release): [label: string, value: string][] {
  const { pipeline, family, region, triggered, nominalAt, reason, source, build, images, test } = release;
  const { decision, promoted, distribution, retired, resources, change } = release;
  const rows: [string, string][] = [
    ['pipeline', `${pipeline} in ${region}, family ${family}`],
    ['asked for', `by ${triggered.by}, due ${nominalAt}`],
  ];
  const add = (label: string, value: string | undefined) => {
    if (value !== undefined && value !== '') rows.push([label, value]);
  };
  add('why', reason);
  if (change?.story !== reason) add('changes', change?.story);
  add('source', source && `${source.instanceId}  ${source.name}`);
  add('build', build?.buildId);
  add(
    'images',
    images.map(({ imageId, name, region, state }) => `${imageId}  ${name}, ${region}: ${state}`).join('\n'),
  );
  add('snapshots', images.flatMap((one) => one.snapshots.map((s) => `${s.snapshotId}  of ${s.diskId}`)).join('\n'));
  add('test', test && `${test.passed ? 'passed' : 'failed'}\n${test.found.join('\n')}`);
  add(
    'decision',
    decision && `${decision.verdict} by ${decision.by}${decision.reason === undefined ? '' : `: ${decision.reason}`}`,
  );
  add(
    'promoted',
    promoted &&
      [
        `${promoted.at}, ${promoted.previous === undefined ? 'the first of its family' : `instead of ${promoted.previous}`}`,
        ...promoted.notes,
      ].join('\n'),
  );
  add('distribution', distribution?.flatMap(placeLines).join('\n'));
  add(
    'retired',
    retired
      .map(
        ({ imageId, name, region, reason: why, outcome, problem }) =>
          `${imageId}  ${name}, ${region}: ${outcome}, ${problem ?? why}`,
      )
      .join('\n'),
  );
  add(
    'left over',
    resources
      .filter(({ fate }) => fate === 'leftover')
      .map(describeResource)
      .join('\n'),
  );
  return rows;
}

/** How far it has come in one region: its image, whom it is shared with, and what went wrong. */
function placeLines({ region, state, imageId, queued, sharedWith, notShared, problem }: Distribution): string[] {
  const shared = sharedWith.length === 0 ? '' : `, shared with ${sharedWith.join(', ')}`;
  return [
    `${region}: ${state}${imageId === undefined ? '' : `  ${imageId}`}${shared}`,
    ...(queued ? [`  ${describeQueuedCopy(queued)}`] : []),
    ...(problem ? [`  ${problemLine(problem)}`] : []),
    ...notShared.map((one) => `  not shared with ${one.account}: ${problemLine(one)}`),
  ];
}

function problemLine({ code, message, advice, requestId }: Problem): string {
  const request = requestId === undefined ? '' : `, RequestId ${requestId}`;
  return `${message} (${code}${request})${advice === undefined ? '' : `. ${advice}`}`;
}
