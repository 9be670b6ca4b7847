import { fillReleaseName, imageNameLimit, type ReleaseActivities } from '../../contract';
import { customImages } from '../cloud/images';
import { step } from '../engine/step';

type Input = Parameters<ReleaseActivities['nameRelease']>[0];
type Output = Awaited<ReturnType<ReleaseActivities['nameRelease']>>;

/**
 * Names the image of a run: `{seq}` is one more than the highest that an image of the region bears with the same family and
 * date. Image names are unique in a region; who takes this one first has it, and CreateImage refuses the other. Changes
 * nothing.
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
  const imageName = filled(String(seq));
  if (imageName.length > imageNameLimit) {
    throw run.refusal(
      'InvalidParameterValue.TooLarge',
      `the image name ${imageName} has ${imageName.length} characters; ${imageNameLimit} are allowed`,
      'Shorten image.name of the pipeline.',
    );
  }
  return { imageName };
});

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
