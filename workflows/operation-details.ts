import type { OperationKind, OperationProgress } from '../contract';
import { cell, reference, resourceList, table } from './details';

const titles: Record<OperationKind, string> = {
  build: 'build',
  launch: 'launch',
  delete: 'deletion',
  release: 'release',
};

/** A launch or a deletion as Markdown, for the current details in the Web UI. */
export function operationDetails(progress: OperationProgress): string {
  const { kind, buildId, imageName, imageId, region, phase, steps, undo, failure, report } = progress;
  const image =
    imageId === undefined || imageId === imageName ? `\`${imageName}\`` : `\`${imageName}\` (\`${imageId}\`)`;
  return [
    `**${phase}** · ${titles[kind]} \`${buildId}\` of image ${image} in ${region}`,
    ...(failure === undefined ? [] : ['', `**${cell(failure)}**`]),
    ...(report?.advice === undefined ? [] : ['', `What to do: ${cell(report.advice)}`]),
    ...reference(failure, report?.code, report?.requestId),
    '',
    ...table(
      'step',
      steps.map((line) => ({ ...line, name: line.step })),
    ),
    ...(undo.length > 0 ? ['', ...table('undo', undo)] : []),
    ...(report && report.resources.length > 0 ? ['', ...resourceList(report.resources)] : []),
  ].join('\n');
}
