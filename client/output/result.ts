import { type BuildFailure, type BuildResult, formatSeconds, type ResourceFate } from '../../contract';
import type { BuildOutcome } from '../outcome';
import { renderDeletion, renderLaunch } from './operation-result';
import { renderRelease } from './release';
import { describeResource, durationRows, instanceRows, type ResultOptions } from './rows';
import { labelled, plain } from './text';

/** A build that is over, as people read it. */
export function renderOutcome(outcome: BuildOutcome, options: ResultOptions = {}): string {
  if (outcome.status !== 'completed') return renderFailure(outcome.status, outcome.failure, options);
  const { result } = outcome;
  if (!('kind' in result)) return renderResult(result, options);
  switch (result.kind) {
    case 'launch':
      return renderLaunch(result, options);
    case 'delete':
      return renderDeletion(result, options);
    case 'release':
      return renderRelease(result, options);
  }
}

/** What a build made: image, snapshots, new instance, down-time of the source, seconds per step. */
export function renderResult(result: BuildResult, options: ResultOptions = {}): string {
  const { colors = plain, seconds, webUi, extra = [] } = options;
  const { image, snapshots, instance, source } = result;
  const family = image.family === undefined ? '' : `, family ${image.family}`;
  const rows: [string, string][] = [
    ['image', `${image.imageId}  ${image.name}, ${image.size} GiB${family}`],
    [
      'snapshots',
      snapshots.map(({ snapshotId, diskId, size }) => `${snapshotId}  of ${diskId}, ${size} GiB`).join('\n') ||
        'none beside those of the image',
    ],
  ];
  if (instance) rows.push(...instanceRows(instance));
  rows.push(['source', `${source.instanceId}  ${sourceStory(source)}`], ...extra);
  if (webUi !== undefined) rows.push(['Web UI', webUi]);
  const took = seconds === undefined ? '' : ` in ${formatSeconds(seconds)}`;
  return [
    colors.bold(colors.green(`Build ${result.buildId} is done${took}.`)),
    '',
    ...labelled(rows, colors),
    '',
    ...durationRows(result.steps),
  ].join('\n');
}

function sourceStory({ wasRunning, downTimeSeconds }: BuildResult['source']): string {
  if (!wasRunning) return 'was stopped, and is left so';
  return downTimeSeconds === undefined ? 'RUNNING again' : `RUNNING again, down for ${formatSeconds(downTimeSeconds)}`;
}

const headlines = {
  failed: 'failed',
  cancelled: 'was cancelled',
  terminated: 'was terminated',
  'timed-out': 'timed out',
};
const fates: [ResourceFate, string][] = [
  ['kept', 'kept'],
  ['made', 'left'],
  ['leftover', 'left over'],
  ['deleted', 'deleted'],
];

/** What failed, why, what to do, and what became of everything that the build had made. */
export function renderFailure(
  status: keyof typeof headlines,
  failure: BuildFailure<string>,
  { colors = plain, webUi, extra = [], region }: ResultOptions = {},
): string {
  const { buildId, step, code, message, requestId, advice, source, resources } = failure;
  const where = step === undefined ? '' : ` in ${step}`;
  const rows: [string, string][] = [['why', message]];
  if (status !== 'cancelled') rows.push(['code', code]);
  if (requestId !== undefined) rows.push(['RequestId', requestId]);
  if (advice !== undefined) rows.push(['what to do', advice]);
  if (source !== undefined) rows.push(['source', source]);
  for (const [fate, text] of fates) {
    const some = resources.filter((resource) => resource.fate === fate);
    if (some.length > 0) rows.push([text, some.map(describeResource).join('\n')]);
  }
  // What a deletion leaves is kept in the eyes of a sweep.
  if (resources.some(({ fate }) => fate === 'leftover') && !buildId.startsWith('delete-')) {
    rows.push(['remove', `cvm-image sweep --region ${region ?? 'REGION'} --apply`]);
  }
  if (resources.length === 0 && status !== 'terminated' && status !== 'timed-out') {
    rows.push(['left', buildId.startsWith('delete-') ? 'nothing was deleted' : 'nothing was made']);
  }
  rows.push(...extra);
  if (webUi !== undefined) rows.push(['Web UI', webUi]);
  const color = status === 'cancelled' ? colors.magenta : colors.red;
  return [colors.bold(color(`${titleOf(buildId)} ${headlines[status]}${where}.`)), '', ...labelled(rows, colors)].join(
    '\n',
  );
}

/** The ID of a launch or a deletion says what it is. */
function titleOf(buildId: string): string {
  const titles: Record<string, string> = { launch: 'Launch', delete: 'Deletion', release: 'Release' };
  const kind = /^(launch|delete|release)-/.exec(buildId)?.[1];
  return `${titles[kind ?? ''] ?? 'Build'} ${buildId}`;
}
