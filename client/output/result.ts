import { type BuildFailure, type BuildResult, formatSeconds, type Resource, type ResourceFate } from '../../contract';
import type { BuildOutcome } from '../outcome';
import { type Colors, columnsOf, labelled, plain } from './text';

export interface ResultOptions {
  colors?: Colors;
  /** Seconds that the whole build took. */
  seconds?: number | undefined;
  /** Address of the build in the Web UI. */
  webUi?: string | undefined;
  /** More rows at the end of the first table. */
  extra?: [label: string, value: string][];
}

/** A build that is over, as people read it. */
export function renderOutcome(outcome: BuildOutcome, options: ResultOptions = {}): string {
  return outcome.status === 'completed'
    ? renderResult(outcome.result, options)
    : renderFailure(outcome.status, outcome.failure, options);
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
  if (instance) {
    const { instanceId, name, zone, privateIps, publicIps, systemDiskId, dataDisks } = instance;
    const disks = dataDisks.map(
      ({ diskId, snapshotId, size }) => `${diskId}  ${snapshotId ? `from ${snapshotId}, ` : ''}${size} GiB`,
    );
    rows.push(
      ['new instance', `${instanceId}  ${name}, ${zone}`],
      ['addresses', [privateIps.join(', '), publicIps.join(', ')].filter(Boolean).join('; public: ') || 'none'],
      ['new disks', [`${systemDiskId}  system disk`, ...disks].join('\n')],
    );
  }
  rows.push(['source', `${source.instanceId}  ${sourceStory(source)}`], ...extra);
  if (webUi !== undefined) rows.push(['Web UI', webUi]);
  const took = seconds === undefined ? '' : ` in ${formatSeconds(seconds)}`;
  return [
    colors.bold(colors.green(`Build ${result.buildId} is done${took}.`)),
    '',
    ...labelled(rows, colors),
    '',
    ...columnsOf(result.steps.map(({ step, seconds: each }) => [step, formatSeconds(each).padStart(12)])).map(
      (text) => `  ${text}`,
    ),
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
  failure: BuildFailure,
  { colors = plain, webUi, extra = [] }: ResultOptions = {},
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
  if (resources.length === 0 && status !== 'terminated' && status !== 'timed-out') {
    rows.push(['left', 'nothing was made']);
  }
  rows.push(...extra);
  if (webUi !== undefined) rows.push(['Web UI', webUi]);
  const color = status === 'cancelled' ? colors.magenta : colors.red;
  return [colors.bold(color(`Build ${buildId} ${headlines[status]}${where}.`)), '', ...labelled(rows, colors)].join(
    '\n',
  );
}

/** A resource in one line: its type, its ID and what it is for. */
export function describeResource({ type, id, note }: Resource): string {
  return `${type} ${id}${note === undefined ? '' : `  ${note}`}`;
}
