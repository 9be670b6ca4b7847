import { formatSeconds } from '../../contract';
import type { BuildSummary } from '../list-builds';
import type { ReleaseSummary } from '../releases';
import { type Colors, columnsOf, line } from './text';

type Summary = BuildSummary | ReleaseSummary;

/** Builds and releases as a table with a heading; cut to `columns` on a terminal, whole in a file. */
export function buildsTable(found: Summary[], now: number, colors: Colors, columns?: number): string[] {
  const rows = found.map((one) => [
    one.buildId,
    one.status === 'terminated' || one.status === 'timed-out' ? one.status : phaseOf(one),
    [one.region, one.instanceId].filter(Boolean).join('/'),
    one.imageId ?? '',
    one.imageName ?? '',
    one.startedAt.replace(/\.\d+Z$/, 'Z'),
    formatSeconds(((one.endedAt === undefined ? now : Date.parse(one.endedAt)) - Date.parse(one.startedAt)) / 1000),
    one.workflowId,
  ]);
  const heading = ['ID', 'PHASE', 'SOURCE', 'IMAGE', 'NAME', 'STARTED', 'DURATION', 'WORKFLOW ID'];
  return columnsOf([heading, ...rows]).map((text, index) =>
    line([index === 0 ? [text, 'dim'] : text], colors, columns),
  );
}

/** With its place, where it stands in the queue for image quota, `queued (3)`; with the step or stage, where one is held. */
function phaseOf(one: Summary): string {
  const { phase, held } = one;
  if ('queue' in one) return `${phase} (${one.queue.position})`;
  return held === undefined ? phase : `${phase} (${held.step ?? held.code})`;
}
