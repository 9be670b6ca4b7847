import { formatSeconds } from '../../contract';
import type { BuildSummary } from '../list-builds';
import { type Colors, columnsOf, line } from './text';

/** Builds as a table with a heading; cut to `columns` on a terminal, whole in a file. */
export function buildsTable(builds: BuildSummary[], now: number, colors: Colors, columns?: number): string[] {
  const rows = builds.map((build) => [
    build.buildId,
    build.status === 'terminated' || build.status === 'timed-out' ? build.status : phaseOf(build),
    `${build.region}/${build.instanceId}`,
    build.imageId ?? '',
    build.imageName ?? '',
    build.startedAt.replace(/\.\d+Z$/, 'Z'),
    formatSeconds(((build.endedAt ? Date.parse(build.endedAt) : now) - Date.parse(build.startedAt)) / 1000),
    build.workflowId,
  ]);
  const heading = ['BUILD', 'PHASE', 'SOURCE', 'IMAGE', 'NAME', 'STARTED', 'DURATION', 'WORKFLOW ID'];
  return columnsOf([heading, ...rows]).map((text, index) =>
    line([index === 0 ? [text, 'dim'] : text], colors, columns),
  );
}

/** With its place, where a build stands in the queue for image quota: `queued (3)`. */
const phaseOf = ({ phase, queue }: BuildSummary) => (queue ? `${phase} (${queue.position})` : phase);
