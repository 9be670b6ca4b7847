import type { ReleaseSummary } from '../releases';
import { type Colors, columnsOf, line } from './text';

/** Releases as a table with a heading; cut to `columns` on a terminal, whole in a file. */
export function releasesTable(releases: ReleaseSummary[], colors: Colors, columns?: number): string[] {
  const rows = releases.map(({ workflowId, buildId, phase, imageId, family, startedAt }) => [
    workflowId,
    buildId,
    phase,
    family ?? '',
    imageId ?? '',
    startedAt,
  ]);
  const heading = ['PIPELINE', 'RELEASE', 'PHASE', 'FAMILY', 'IMAGE', 'STARTED'];
  return columnsOf([heading, ...rows]).map((text, index) =>
    line([index === 0 ? [text, 'dim'] : text], colors, columns),
  );
}
