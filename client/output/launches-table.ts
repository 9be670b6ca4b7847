import { formatSeconds } from '../../contract';
import type { LaunchSummary } from '../list-launches';
import { type Colors, columnsOf, line } from './text';

/** Launches as a table with a heading; cut to `columns` on a terminal, whole in a file. */
export function launchesTable(launches: LaunchSummary[], now: number, colors: Colors, columns?: number): string[] {
  const rows = launches.map((launch) => [
    launch.buildId,
    launch.status === 'terminated' || launch.status === 'timed-out' ? launch.status : launch.phase,
    launch.region,
    launch.image ?? '',
    launch.imageId ?? '',
    launch.startedAt.replace(/\.\d+Z$/, 'Z'),
    formatSeconds(((launch.endedAt ? Date.parse(launch.endedAt) : now) - Date.parse(launch.startedAt)) / 1000),
    launch.workflowId,
  ]);
  const heading = ['LAUNCH', 'PHASE', 'REGION', 'OF', 'IMAGE', 'STARTED', 'DURATION', 'WORKFLOW ID'];
  return columnsOf([heading, ...rows]).map((text, index) =>
    line([index === 0 ? [text, 'dim'] : text], colors, columns),
  );
}
