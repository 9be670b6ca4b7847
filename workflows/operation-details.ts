import { formatSeconds, type OperationProgress, type StepState } from '../contract';
import { secondsBetween } from './journal';

const marks: Record<StepState, string> = {
  pending: '·',
  running: '▶',
  done: '✓',
  failed: '✗',
  cancelled: '✗',
  skipped: '–',
};
const titles = { build: 'build', launch: 'launch', delete: 'deletion' };

/** A launch or a deletion as Markdown, for the current details in the Web UI. */
export function operationDetails(progress: OperationProgress): string {
  const { kind, buildId, imageName, imageId, region, phase, steps, undo, failure, report } = progress;
  const image =
    imageId === undefined || imageId === imageName ? `\`${imageName}\`` : `\`${imageName}\` (\`${imageId}\`)`;
  const resources = (report?.resources ?? []).map(({ type, id, fate }) => `- ${type} \`${id}\`: ${fate}`);
  return [
    `**${phase}** · ${titles[kind]} \`${buildId}\` of image ${image} in ${region}`,
    ...(failure === undefined ? [] : ['', `**${cell(failure)}**`]),
    ...(report?.advice === undefined ? [] : ['', `What to do: ${report.advice}`]),
    '',
    ...table(
      'step',
      steps.map((line) => ({ ...line, name: line.step })),
    ),
    ...(undo.length > 0 ? ['', ...table('undo', undo)] : []),
    ...(resources.length > 0 ? ['', ...resources] : []),
  ].join('\n');
}

interface Line {
  name: string;
  state: StepState;
  startedAt?: string;
  endedAt?: string;
  resources?: string[];
  note?: string;
}

function table(heading: string, lines: Line[]): string[] {
  const rows = lines.map(({ name, state, startedAt, endedAt, resources = [], note }) => {
    const took = startedAt && endedAt ? formatSeconds(secondsBetween(startedAt, endedAt)) : '';
    return `| ${name} | ${marks[state]} ${state} | ${took} | ${cell([...resources, note].filter(Boolean).join(' · '))} |`;
  });
  return [`| ${heading} | state | took | result |`, '|---|---|---|---|', ...rows];
}

const cell = (text: string) => text.replaceAll('|', '\\|').replaceAll('\n', ' ');
