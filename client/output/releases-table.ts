import type { EndedRelease, ReleaseSummary } from '../releases';
import { type Colors, columnsOf, line } from './text';

/** Runs of pipelines and how each came out, as a table with a heading. */
export function outcomesTable(releases: EndedRelease[], colors: Colors, columns?: number): string[] {
  const rows = releases.map(({ buildId, outcome, phase, workflowId, imageId, nominalAt, startedAt }) => [
    buildId,
    outcome ?? phase,
    workflowId,
    imageId ?? '',
    nominalAt ?? '',
    startedAt,
  ]);
  return tableOf(['RELEASE', 'OUTCOME', 'PIPELINE', 'IMAGE', 'DUE', 'STARTED'], rows, colors, columns);
}

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
  return tableOf(['PIPELINE', 'RELEASE', 'PHASE', 'FAMILY', 'IMAGE', 'STARTED'], rows, colors, columns);
}

function tableOf(heading: string[], rows: string[][], colors: Colors, columns: number | undefined): string[] {
  return columnsOf([heading, ...rows]).map((text, index) =>
    line([index === 0 ? [text, 'dim'] : text], colors, columns),
  );
}
