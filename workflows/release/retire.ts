import { ApplicationFailure, isCancellation, patched } from '@temporalio/workflow';
import { type RetiredImage, retireUpdate, type Retirement } from '../../contract';
import { stepFailure } from '../failures';
import type { ReleaseRun } from './release';

/** Patch: a region that fails does not cost what became of the others. */
const eachRegionIsTold = 'each-region-is-told';

/**
 * Deletes what the pipeline's rules no longer keep, in every region, by way of the family's workflow. Ages count from when
 * this run was due.
 *
 * @throws RetireFailed when something that is to go could not be deleted, or a region could not be looked at; what was deleted is in
 * the manifest
 */
export async function retire(run: ReleaseRun): Promise<void> {
  const { region, retire: rules, distribute, deadlines } = run.pipeline;
  const { nominalAt, buildId } = run.manifest;
  const regions = [region, ...(distribute?.regions ?? [])];
  const retireIn = (one: string) => {
    const retirement: Retirement = {
      place: run.placeIn(one),
      ...rules,
      now: nominalAt,
      release: buildId,
      dryRun: false,
    };
    const about = { summary: `what is to go in ${one}`, deadline: deadlines.retire, region: one };
    return run.askFamily<RetiredImage[]>(retireUpdate, about, retirement);
  };
  const settles = patched(eachRegionIsTold);
  const asked = regions.map(retireIn);
  const ends = settles
    ? await Promise.allSettled(asked)
    : (await Promise.all(asked)).map((value) => ({ status: 'fulfilled' as const, value }));
  const found = ends.flatMap((end) => (end.status === 'fulfilled' ? end.value : []));
  const known = run.manifest.retired.filter(({ outcome }) => outcome === 'deleted');
  run.manifest.retired = [...known, ...found];
  const left = found.filter(({ problem }) => problem !== undefined);
  const deleted = found.filter(({ outcome }) => outcome === 'deleted').map(({ imageId }) => imageId);
  const orphaned = found.flatMap(({ snapshotIds = [] }) => snapshotIds);
  const still = orphaned.length === 0 ? '' : `, ${orphaned.length} of their snapshots still to go`;
  run.journal.note(
    'retire',
    deleted.length === 0 ? 'nothing was to go' : `${deleted.length} images deleted${still}`,
    deleted,
  );
  const failures = ends.map((end) => (end.status === 'rejected' ? (end.reason as unknown) : undefined));
  for (const failure of failures) if (isCancellation(failure)) throw failure as Error;
  const problems = failures.flatMap((failure, index) =>
    failure === undefined ? [] : `${regions[index]!}: ${stepFailure(failure).message}`,
  );
  const [first] = left;
  if (first) {
    const which = left.length === 1 ? first.imageId : `${first.imageId} and ${left.length - 1} more`;
    problems.unshift(`${which} could not be deleted: ${first.problem!}`);
  }
  if (problems.length === 0) return;
  throw ApplicationFailure.create({
    type: 'RetireFailed',
    message: problems.join('; '),
    nonRetryable: true,
    details: [
      { advice: 'The release is out, and its image is current. Mend what is in the way, and have this tried again.' },
    ],
  });
}
