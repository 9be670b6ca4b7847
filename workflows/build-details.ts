import type { BuildProgress, HeldProgress, PausedProgress, QueuedProgress } from '../contract';
import { cell, found, reference, resourceList, table } from './details';

/** A build as Markdown, for the current details in the Web UI: who has only that sees what happens, why, and what to press. */
export function buildDetails(progress: BuildProgress): string {
  const { buildId, imageName, instanceId, region, phase, steps, undo, failure, report } = progress;
  const { held, paused, queued, sourceDownSince } = progress;
  const { advice, code, requestId } = report ?? held ?? {};
  return [
    `**${phase}** · image \`${imageName}\` of \`${instanceId}\` in ${region} · build \`${buildId}\``,
    ...(failure === undefined ? [] : ['', `**${cell(failure)}**`]),
    ...(advice === undefined ? [] : ['', `What to do: ${cell(advice)}`]),
    ...reference(failure, code, requestId),
    ...(held ? ['', heldLine(held)] : []),
    ...(paused ? ['', pausedLine(paused)] : []),
    ...(queued ? ['', queuedLine(queued, region)] : []),
    ...(sourceDownSince === undefined ? [] : ['', `The source has been down since ${sourceDownSince}.`]),
    '',
    ...table(
      'step',
      steps.map(({ step, generation, ...line }) => ({
        ...line,
        name: generation === undefined || line.state === 'pending' ? step : `${step} (try ${generation})`,
      })),
    ),
    ...(undo.length > 0 ? ['', ...table('undo', undo)] : []),
    ...(report && report.resources.length > 0 ? ['', ...resourceList(report.resources)] : []),
    '',
    [
      found(`all builds of ${instanceId}`, `SourceInstanceId = '${instanceId}'`),
      found('what is held', "BuildPhase = 'held' AND ExecutionStatus = 'Running'"),
      ...(progress.imageId === undefined
        ? []
        : [found(`about ${progress.imageId}`, `ImageId = '${progress.imageId}'`)]),
    ].join(' · '),
  ].join('\n');
}

const heldLine = ({ until, retryFrom, secondDownTime, imageStays }: HeldProgress) =>
  `Held until ${until}, then ${imageStays ? 'the launch is undone; image and snapshots stay' : 'everything is undone'}. Mend what is in the way and send the update \`retryStep\`: it goes on ` +
  `with ${retryFrom}${secondDownTime ? ', with **a second down-time** of the source' : ''}. Or cancel the build.`;

function queuedLine({ position, images, since, until, why }: QueuedProgress, region: string): string {
  const numbers = `${images.used} of ${images.total} custom images when it asked`;
  return [
    `Waits for room in ${region} since ${since}: **place ${position} in the queue** (${numbers}). Gives up at ${until}.`,
    ...(why === undefined ? [] : [`Nothing of its family may go: ${cell(why)}.`]),
    `Delete images that nobody needs, have the quota raised, or cancel the build. ${found('the queue', "WorkflowType = 'imageQuota'")}`,
  ].join(' ');
}

function pausedLine({ before, since, reason }: PausedProgress): string {
  const where = since === undefined ? `Will pause before ${before}` : `Paused before ${before} since ${since}`;
  return `${where}${reason === undefined ? '' : `: ${cell(reason)}`}. The update \`resume\` lets it go on.`;
}
