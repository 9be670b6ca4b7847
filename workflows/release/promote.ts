import { type ImageFacts, type Promoted, promoteUpdate, type Promotion } from '../../contract';
import type { ReleaseRun } from './release';

/** Makes the candidate the family's current image in the pipeline's region, by way of the family's workflow. */
export async function promote(run: ReleaseRun, { imageId }: ImageFacts): Promise<void> {
  const { region, deadlines } = run.pipeline;
  const { buildId, decision } = run.manifest;
  const by = decision ? `${buildId}, approved by ${decision.by}` : buildId;
  const promotion: Promotion = { place: run.placeIn(region), imageId, by };
  const about = { summary: `${imageId} becomes the current one`, deadline: deadlines.promote, region };
  const { at, previous, notes } = await run.askFamily<Promoted>(promoteUpdate, about, promotion);
  run.manifest.promoted = { at, ...(previous === undefined ? {} : { previous }), notes };
  for (const image of run.manifest.images) if (image.imageId === imageId) image.state = 'current';
  run.journal.note('promote', previous === undefined ? 'the first of its family' : `instead of ${previous}`, [imageId]);
}
