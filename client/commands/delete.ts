import { type DeletionPlan, type ImageDetails, planDeletion } from '../../contract';
import { agrees } from '../agree';
import type { Connected } from '../connect';
import { ClientError } from '../errors';
import { exitCodes, type ExitCode } from '../exit-codes';
import { describeImage, ImageQuestionError } from '../images';
import { describePlan } from '../output/images';
import { print, printError, printJson } from '../output/print';
import { colorsFor } from '../output/text';
import { deletionOf, startDeletion } from '../start-deletion';
import type { Started } from '../start-launch';
import { webUiUrl } from '../web-ui';
import { connected } from './connected';
import { follow } from './follow';
import { type ImageOptions, uiPlace } from './options';

interface DeleteOptions extends ImageOptions {
  yes?: boolean;
  detach?: boolean;
}

/**
 * Deletes an image with its snapshots, after saying what goes and asking. What is in use, shared, still being built, or not
 * ours is refused. An image that was deleted before is no failure: its deletion is shown again.
 */
export async function deleteImage(image: string, options: DeleteOptions): Promise<ExitCode> {
  if (image.startsWith('family:')) {
    throw new ClientError('Name the image to delete by its ID or its exact name: what is the newest changes.');
  }
  const canAsk = process.stdin.isTTY && process.stdout.isTTY && options.json !== true;
  if (options.yes !== true && !canAsk) {
    throw new ClientError('Nobody can be asked here: with --yes the image is deleted without a question.');
  }
  return connected(options, async (temporal) => {
    const details = await look(temporal, image, options);
    if ('workflowId' in details) {
      if (options.json !== true) printError(`Image ${image} is being deleted already, or was:`);
      return follow(temporal, details, options);
    }
    const { refusals, plan } = planDeletion(details);
    if (refusals.length > 0) {
      throw new ClientError(refusals.map(({ message, advice }) => `Not deleted: ${message}.\n${advice}`).join('\n'));
    }
    if (options.json === true) printJson({ type: 'plan', ...plan });
    else print(...describePlan(details, plan, colorsFor(process.stdout)));
    if (options.yes !== true && !(await agrees(`Delete ${whatOf(plan)} for good?`))) {
      print('Nothing was deleted.');
      return exitCodes.cancelled;
    }
    return start(temporal, plan, options);
  });
}

/** The image, or the deletion that is removing it or has removed it. */
async function look(
  { client }: Connected,
  image: string,
  { region, roleArn, taskQueue }: DeleteOptions,
): Promise<ImageDetails | Started> {
  const queue = taskQueue === undefined ? {} : { taskQueue };
  try {
    return await describeImage(client, { region, image, ...(roleArn === undefined ? {} : { roleArn }) }, queue);
  } catch (error) {
    const isGone = error instanceof ImageQuestionError && error.code === 'ImageNotFound';
    const deletion = isGone ? await deletionOf(client, region, image) : undefined;
    if (deletion) return deletion;
    throw error;
  }
}

const whatOf = ({ snapshotIds }: DeletionPlan) =>
  snapshotIds.length === 0 ? 'the image' : `the image and ${snapshotIds.length} snapshots`;

async function start(temporal: Connected, plan: DeletionPlan, options: DeleteOptions): Promise<ExitCode> {
  const { region, roleArn, taskQueue, json, detach } = options;
  const { imageId, name, snapshotIds } = plan;
  const started = await startDeletion(
    temporal.client,
    { region, imageId, snapshotIds, ...(roleArn === undefined ? {} : { roleArn }) },
    { name },
    taskQueue === undefined ? {} : { taskQueue },
  );
  const { workflowId, runId, buildId } = started;
  const webUi = webUiUrl(uiPlace(temporal, options), started);
  if (json === true) {
    const place = { taskQueue: started.taskQueue, ...(webUi ? { webUi } : {}) };
    printJson({ type: 'started', workflowId, runId, buildId, ...place });
  } else {
    print('', `Deletion ${buildId} is started.`, `Workflow ${workflowId}`);
    if (webUi) print(`Web UI   ${webUi}`);
  }
  if (detach !== true) {
    if (json !== true) print('');
    return follow(temporal, { workflowId, runId }, options);
  }
  if (json !== true) print(`Watch it with: cvm-image watch ${workflowId}`);
  return exitCodes.done;
}
