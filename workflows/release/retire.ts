import { ApplicationFailure } from '@temporalio/workflow';
import { type RetiredImage, retireUpdate, type Retirement } from '../../contract';
import type { ReleaseRun } from './release';

/**
 * Deletes what the pipeline's rules no longer keep, in every region, by way of the family's workflow. Ages count from when
 * this run was due.
 *
 * @throws RetireFailed when something that is to go could not be deleted; what was deleted is in the manifest
 */
export async function retire(run: ReleaseRun): Promise<void> {
  const { region, retire: rules, distribute, deadlines } = run.pipeline;
  const { nominalAt, buildId } = run.manifest;
  const regions = [region, ...(distribute?.regions ?? [])];
  const all = await Promise.all(
    regions.map((one) => {
      const retirement: Retirement = {
        place: run.placeIn(one),
        ...rules,
        now: nominalAt,
        release: buildId,
        dryRun: false,
      };
      const about = { summary: `what is to go in ${one}`, deadline: deadlines.retire, region: one };
      return run.askFamily<RetiredImage[]>(retireUpdate, about, retirement);
    }),
  );
  const found = all.flat();
  const known = run.manifest.retired.filter(({ outcome }) => outcome === 'deleted');
  run.manifest.retired = [...known, ...found];
  const left = found.filter(({ problem }) => problem !== undefined);
  const deleted = found.filter(({ outcome }) => outcome === 'deleted').map(({ imageId }) => imageId);
  run.journal.note('retire', deleted.length === 0 ? 'nothing was to go' : `${deleted.length} images deleted`, deleted);
  const [first] = left;
  if (!first) return;
  throw ApplicationFailure.create({
    type: 'RetireFailed',
    message: `${left.length === 1 ? first.imageId : `${first.imageId} and ${left.length - 1} more`} could not be deleted: ${first.problem!}`,
    nonRetryable: true,
    details: [
      { advice: 'The release is out, and its image is current. Mend what is in the way, and have this tried again.' },
    ],
  });
}
