import { ApplicationFailure, patched } from '@temporalio/workflow';
import type { FamilyImage, ReleaseImage } from '../../contract';
import type { ReleaseRun } from './release';

/** Patch: what was taken back at home goes no further. */
const withdrawnGoesNoFurther = 'withdrawn-goes-no-further';

/** What says that the release was taken back at home, or that a newer one is current in the region: no retry mends that. */
export const comesTooLate: readonly string[] = ['Withdrawn', 'Superseded'];

/**
 * Makes sure that the image is still released at home, before it becomes current or is shared somewhere else: copies take an
 * hour, and a held distribution days, in which somebody may have rolled the family back.
 *
 * @returns the releases that became current at home after it, and were not taken back: where they are current, they stay so
 * @throws Withdrawn when it was, or when the image is gone
 */
export async function stillReleased(run: ReleaseRun, source: ReleaseImage): Promise<string[]> {
  if (!patched(withdrawnGoesNoFurther)) return [];
  const { pipeline, ref } = run;
  const { imageId } = source;
  const { images } = await run
    .activities(`whether ${imageId} is still released`, pipeline.deadlines.distribute)
    .listFamily({ build: ref, family: pipeline.family });
  const own = images.find((one) => one.imageId === imageId);
  const state = own?.state;
  if (own && state !== 'withdrawn') {
    const isNewer = (one: FamilyImage) =>
      (one.state === 'current' || one.state === 'released') && Date.parse(one.since) > Date.parse(own.since);
    return images.filter(isNewer).map(({ release }) => release);
  }
  if (state) source.state = state;
  const what = state ? 'was withdrawn by a rollback' : `is gone, or no longer of the family ${pipeline.family}`;
  throw ApplicationFailure.create({
    type: 'Withdrawn',
    message: `${imageId} ${what} in ${source.region}: it becomes current nowhere else`,
    nonRetryable: true,
    details: [
      {
        advice:
          'If it is wanted after all: cvm-image family rollback --to makes it current at home; the next release goes everywhere.',
      },
    ],
  });
}
