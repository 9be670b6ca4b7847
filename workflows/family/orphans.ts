import { CancellationScope, log, sleep } from '@temporalio/workflow';
import type { BuildRef, FamilyPlace, Orphaned } from '../../contract';
import { stepFailure } from '../failures';
import { activitiesAt, familyDeadlines, tryAgain } from './place';
import type { FamilyWork } from './turns';

/** Patch: the snapshots of an image that is gone are no part of its deletion: they are tried until they are gone. */
export const snapshotsAgain = 'snapshots-again';

/** Until the next retirement there. */
const isGivenUp = ({ tries = 0 }: Orphaned) => tries >= tryAgain.times;

/**
 * The snapshots that are to go with images which are gone. No tag of theirs says so and nothing else finds them, so that they are
 * remembered from the moment when the image goes, and tried hour by hour.
 */
export class Orphans {
  constructor(
    private readonly work: FamilyWork,
    readonly all: Orphaned[],
  ) {}

  /** Goes on with what is known from before. */
  resume(): void {
    for (const one of this.all) if (!isGivenUp(one)) void this.begin(one);
  }

  /** Tries anew what was given up in a region. */
  resumeGivenUp(region: string): void {
    for (const one of this.all.filter((one) => one.place.region === region && isGivenUp(one))) {
      one.tries = 1;
      void this.begin(one);
    }
  }

  /**
   * Deletes snapshots of an image that is gone.
   *
   * @returns why they are still there after the first try; undefined when they are not
   */
  async clear(place: FamilyPlace, imageId: string, snapshotIds: string[]): Promise<string | undefined> {
    if (snapshotIds.length === 0) return undefined;
    const one = this.remember({ place, imageId, snapshotIds });
    return (await this.begin(one)) ? undefined : (one.problem ?? '');
  }

  /** Deletes snapshots of an image that may be gone before long, or is already: looks in an hour. */
  clearIfGone(place: FamilyPlace, imageId: string, snapshotIds: string[]): void {
    if (snapshotIds.length === 0) return;
    void this.goOn(this.remember({ place, imageId, snapshotIds, tries: 1 }));
  }

  private remember(one: Orphaned): Orphaned {
    this.all.push(one);
    this.work.remember();
    return one;
  }

  /** @returns whether they are gone; what is not is tried again */
  private async begin(one: Orphaned): Promise<boolean> {
    const isCleared = await this.tryToClear(one);
    if (!isCleared) void this.goOn(one);
    return isCleared;
  }

  private async goOn(one: Orphaned): Promise<void> {
    const summary = `snapshots of ${one.imageId} in ${one.place.region}: tried again`;
    while (!isGivenUp(one)) {
      await CancellationScope.nonCancellable(() => sleep(tryAgain.pause * 1000, { summary }));
      if (await this.tryToClear(one)) return;
    }
  }

  private async tryToClear(one: Orphaned): Promise<boolean> {
    const { place, imageId, snapshotIds } = one;
    try {
      await deleteSnapshots(this.work.refOf(place), one);
      this.all.splice(this.all.indexOf(one), 1);
      return true;
    } catch (error) {
      log.warn('the snapshots of an image are still to go', { imageId, snapshotIds, error });
      one.tries = (one.tries ?? 0) + 1;
      one.problem = stepFailure(error).message;
      return false;
    } finally {
      this.work.remember();
    }
  }
}

/** Where it is not certain that their image is gone, it is looked for first: if it is there, they are its own and stay. */
async function deleteSnapshots(build: BuildRef, { place, imageId, snapshotIds, tries }: Orphaned): Promise<void> {
  const { look, snapshots } = familyDeadlines;
  if (tries !== undefined) {
    const about = { summary: `${imageId}: whether it is gone`, deadline: look };
    try {
      await activitiesAt(place, about).describeImage({ build, image: imageId });
      return;
    } catch (error) {
      if (stepFailure(error).code !== 'ImageNotFound') throw error;
    }
  }
  const summary = `${snapshotIds.length} snapshots of ${imageId}`;
  await activitiesAt(place, { summary, deadline: snapshots }).deleteSnapshots({ build, snapshotIds });
}
