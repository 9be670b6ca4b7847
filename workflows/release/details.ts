import { describeQueuedCopy, type OperationProgress, type Release, type ReleaseStageName } from '../../contract';
import { cell, found, reference, resourceList, table } from '../details';

/** A release as Markdown, for the current details in the Web UI: who has only that sees what happens, why, and what to press. */
export function releaseDetails(progress: OperationProgress<ReleaseStageName>, release: Release): string {
  const { buildId, region, phase, steps, failure, held, waiting, report, imageName } = progress;
  const { distribution = [] } = release;
  const { family, pipeline, images, nominalAt, triggered, source, build, promoted, retired, resources } = release;
  const what = imageName === '' ? '' : ` · image \`${imageName}\``;
  const links = [found(`all releases of ${family}`, `ImageFamily = '${family}' AND WorkflowType = 'goldenImage'`)];
  if (build) links.push(found(`build ${build.buildId}`, `BuildId = '${build.buildId}'`));
  const { advice, code, requestId } = report ?? held ?? {};
  return [
    `**${phase}** · release \`${buildId}\` of pipeline **${cell(pipeline)}** in ${region}${what}`,
    '',
    `Family ${cell(family)}, due ${nominalAt}, asked for by ${cell(triggered.by)}${source ? `, source \`${source.instanceId}\`` : ''}.`,
    ...(failure === undefined ? [] : ['', `**${cell(failure)}**`]),
    ...(advice === undefined ? [] : ['', `What to do: ${cell(advice)}`]),
    ...reference(failure, code, requestId),
    ...(waiting
      ? [
          '',
          `**\`${waiting.imageId}\` waits for approval** until ${waiting.until}, then it is rejected. Send the update \`approve\` or ` +
            '`reject`: {"by": "your name", "reason": "…"}.',
        ]
      : []),
    ...(held
      ? [
          '',
          `Held until ${held.until}, then it fails. Mend what is in the way and send the update \`retryStep\`: the stage ` +
            `${held.retryFrom} is tried again${held.imageStays ? ', the image is not built again' : ''}. Or cancel the run.`,
        ]
      : []),
    '',
    ...table(
      'stage',
      steps.map(({ step, generation, ...line }) => ({
        ...line,
        name: generation === undefined || line.state === 'pending' ? step : `${step} (try ${generation})`,
      })),
    ),
    ...(images.length === 0 ? [] : ['', '| image | region | state |', '|---|---|---|']),
    ...images.map(
      ({ imageId, name, region: where, state }) => `| \`${imageId}\` ${cell(name)} | ${where} | ${state} |`,
    ),
    ...(distribution.length === 0 ? [] : ['', '| distributed to | state | |', '|---|---|---|']),
    ...distribution.map(
      ({ region: where, state, queued, problem }) =>
        `| ${where} | ${state} | ${queued ? `${describeQueuedCopy(queued)} · ${found('the queue', `WorkflowType = 'imageQuota'`)}` : cell(problem?.message ?? '')} |`,
    ),
    ...(promoted?.notes ?? []).flatMap((note) => ['', `Note: ${cell(note)}`]),
    ...(retired.length === 0 ? [] : ['', '| retired | region | why | |', '|---|---|---|---|']),
    ...retired.map(
      ({ imageId, name, region: where, reason, outcome, problem }) =>
        `| \`${imageId}\` ${cell(name)} | ${where} | ${cell(problem ?? reason)} | ${outcome} |`,
    ),
    ...(resources.length > 0 ? ['', ...resourceList(resources)] : []),
    '',
    links.join(' · '),
  ].join('\n');
}
