import { Context } from '@temporalio/activity';
import { ApplicationFailure, WorkflowUpdateFailedError } from '@temporalio/client';
import { fillReleaseName, imageNameLimit, type NameWish, type ReleaseActivities, takeNameUpdate } from '../../contract';
import { customImages } from '../cloud/images';
import { step } from '../engine/step';
import { updateFamily } from './ask-family';

type Input = Parameters<ReleaseActivities['nameRelease']>[0];
type Output = Awaited<ReturnType<ReleaseActivities['nameRelease']>>;

/**
 * Names the image of a run: `{seq}` is one more than the highest that an image of the region bears with the same family and
 * date, or that another run of the family was given. Image names are unique in a region (CreateImage refuses the second one),
 * and between this and CreateImage the source is stopped: so the family's workflow gives the names. Changes nothing in the cloud.
 */
export const nameRelease = step<Input, Output>('before changes', async (run, input) => {
  const { family, template, timeZone, nominalAt } = input;
  const date = dateIn(timeZone, new Date(nominalAt));
  const filled = (seq: string) => fillReleaseName(template, { family, date, seq });
  const taken = new Set(
    (await run.patiently('custom images', () => customImages(run.cloud))).map(({ ImageName }) => ImageName),
  );
  // Whatever stands around {seq}: a name is taken when filling in its number gives just that name.
  const numbers = [...taken].flatMap((name) =>
    (name?.match(/\d+/g) ?? []).filter((digits) => filled(digits) === name).map(Number),
  );
  let seq = Math.max(0, ...numbers) + 1;
  while (taken.has(filled(String(seq)))) seq += 1;
  const { buildId, accountId } = run.build;
  const wish = { release: buildId, template, date, from: seq };
  const imageName = (accountId === undefined ? undefined : await given(accountId, family, wish)) ?? filled(String(seq));
  if (imageName.length > imageNameLimit) {
    throw run.refusal(
      'InvalidParameterValue.TooLarge',
      `the image name ${imageName} has ${imageName.length} characters; ${imageNameLimit} are allowed`,
      'Shorten image.name of the pipeline.',
    );
  }
  return { imageName };
});

/**
 * The name that the family's workflow gives to the release: another attempt gets the same. Undefined when it is at work on an older
 * worker, which gives no names: as it was then, who is first to take one has it.
 */
async function given(accountId: string, family: string, argument: NameWish): Promise<string | undefined> {
  const { workflowExecution, activityId, attempt } = Context.current().info;
  const update = takeNameUpdate.name;
  const updateId = `${workflowExecution!.runId}-${update}-${activityId}-${attempt}`;
  try {
    const answer = await updateFamily(accountId, { family, update, updateId, argument });
    return (answer as { imageName: string }).imageName;
  } catch (error) {
    if (isUnknownThere(error)) return undefined;
    throw error;
  }
}

const isUnknownThere = (error: unknown) =>
  error instanceof WorkflowUpdateFailedError &&
  error.cause instanceof ApplicationFailure &&
  error.cause.message.startsWith('No registered handler for update');

/** The date of a moment in a time zone, as YYYYMMDD. */
export function dateIn(timeZone: string, moment: Date): string {
  const parts = new Intl.DateTimeFormat('en-US', {
    timeZone,
    calendar: 'gregory',
    numberingSystem: 'latn',
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
  }).formatToParts(moment);
  const part = (type: string) => parts.find((one) => one.type === type)?.value ?? '';
  return `${part('year').padStart(4, '0')}${part('month')}${part('day')}`;
}
