import { patched, workflowInfo } from '@temporalio/workflow';
import type { Doomed, FamilyPlace, RetiredImage, Retirement, RoomMaking, UnsharedImage } from '../../contract';
import { stepFailure } from '../failures';
import { quotaActivities } from '../quota/activities';
import { type Orphans, snapshotsAgain } from './orphans';
import { familyDeadlines, tryAgain } from './place';
import { retireOne, toRetire } from './retire';
import type { FamilyWork } from './turns';

/** Patch: a rejected image that could not be deleted is tried again. */
const rejectedAgain = 'rejected-again';

/** Deletes images of the family: what is too old, what is in the way of a new one, and what was rejected. */
export class Retiring {
  /**
   * @param doomed what is rejected, and is deleted when its time has come
   * @param giveBack has an image shared as it was, hour by hour if need be
   */
  constructor(
    private readonly work: FamilyWork,
    readonly doomed: Doomed[],
    private readonly orphans: Orphans,
    private readonly giveBack: (one: UnsharedImage) => void,
  ) {}

  /** Has a rejected image deleted later. */
  doom(one: Doomed): void {
    if (!this.doomed.some(({ imageId }) => imageId === one.imageId)) this.doomed.push(one);
    this.work.remember();
  }

  /** Looks once, then deletes one image after the other; each is looked at again when its turn has come. */
  async retire(retirement: Retirement): Promise<RetiredImage[]> {
    const { place, dryRun, only } = retirement;
    const { region } = place;
    const { family, turns, refOf } = this.work;
    const fates = await turns.next(place, `see what is to go in ${region}`, () =>
      toRetire(refOf(place), place, family, retirement),
    );
    const found = fates.map(({ image, goes, reason }): RetiredImage => {
      const { imageId, name } = image;
      const one = { region, imageId, name };
      if (goes && only && !only.includes(imageId)) {
        return {
          ...one,
          reason: `nobody has agreed to it yet, since it is to go only now: ${reason}`,
          outcome: 'stays',
        };
      }
      return { ...one, reason, outcome: goes ? 'would go' : 'stays' };
    });
    if (dryRun) return found;
    this.orphans.resumeGivenUp(region);
    const going = found.filter(({ outcome }) => outcome === 'would go');
    const retired: RetiredImage[] = [];
    const clearing: Promise<void>[] = [];
    for (const one of going) {
      // Between two images somebody may roll back: nobody waits for the whole retirement.
      const { image, snapshotIds, lost } = await turns.next(place, `retire ${one.imageId} (${one.name})`, () =>
        retireOne(refOf(place), place, family, retirement, one),
      );
      if (image.outcome === 'deleted') this.forget(one.imageId);
      if (lost) this.giveBack({ place, imageId: one.imageId, accounts: lost });
      retired.push(image);
      if (snapshotIds.length > 0) clearing.push(this.clearAfter(place, image, snapshotIds));
    }
    // Meanwhile the others go.
    if (clearing.length > 0) await Promise.all(clearing);
    return retired;
  }

  /** Deletes one old image for the build that needs its slot, if it may still go by then. */
  async makeRoom({ place, goes, by, until }: RoomMaking): Promise<{ retired: boolean }> {
    const { imageId, name } = goes;
    const { family, turns, refOf } = this.work;
    // By whom they are remembered; the activity only deletes the image then.
    const snapshotIds = patched(snapshotsAgain) ? goes.snapshotIds : [];
    try {
      const made = await turns.next(place, `retire ${imageId} (${name}), to make room for ${by}`, async () => {
        const left = (Date.parse(until) - Date.now()) / 1000;
        if (left <= 0) return { retired: false };
        const { taskQueue } = workflowInfo();
        const summary = `retire ${imageId} (${name}) for ${by}`;
        const deadline = Math.min(left, familyDeadlines.delete);
        return quotaActivities({ taskQueue, heartbeat: place.heartbeat }, { summary, deadline }).retireOldest({
          build: refOf(place),
          family,
          goes: { ...goes, snapshotIds: goes.snapshotIds.filter((id) => !snapshotIds.includes(id)) },
        });
      });
      if (made.retired) {
        this.forget(imageId);
        void this.orphans.clear(place, imageId, snapshotIds);
      }
      return made;
    } catch (error) {
      if (stepFailure(error).code === 'DeadlineExceeded') this.orphans.clearIfGone(place, imageId, snapshotIds);
      throw error;
    }
  }

  /** Deletes a rejected image whose time has come. */
  async deleteRejected(doomed: Doomed): Promise<void> {
    const { place, imageId, name } = doomed;
    const { family, turns, refOf } = this.work;
    const retirement = { youngerThan: 0, keepRejected: 0, now: doomed.at };
    try {
      const { image, snapshotIds } = await turns.next(place, `delete ${imageId} (${name}), which was rejected`, () =>
        retireOne(refOf(place), place, family, retirement, {
          region: place.region,
          imageId,
          name,
          reason: 'rejected',
          outcome: 'would go',
        }),
      );
      if (snapshotIds.length > 0) void this.clearAfter(place, image, snapshotIds);
      if (image.outcome !== 'deleted' && this.triesAgain(doomed)) return;
    } catch {
      if (this.triesAgain(doomed)) return;
    }
    this.forget(imageId);
  }

  /** Has the snapshots go of an image that was to be deleted. When they are still there after the first try, `image` says so. */
  private async clearAfter(place: FamilyPlace, image: RetiredImage, snapshotIds: string[]): Promise<void> {
    const { imageId, outcome, reason } = image;
    if (outcome !== 'deleted') {
      this.orphans.clearIfGone(place, imageId, snapshotIds);
      return;
    }
    const problem = await this.orphans.clear(place, imageId, snapshotIds);
    if (problem === undefined) return;
    image.reason = `${reason}; its snapshots (${snapshotIds.join(', ')}) are still to go, and are tried again: ${problem}`;
    image.snapshotIds = snapshotIds;
  }

  /** What cannot be deleted now is tried again for a while; then it is left to the next retirement, which finds it by its tags. */
  private triesAgain(doomed: Doomed): boolean {
    const tries = (doomed.tries ?? 0) + 1;
    if (tries >= tryAgain.times || !patched(rejectedAgain)) return false;
    doomed.tries = tries;
    doomed.at = new Date(Date.now() + tryAgain.pause * 1000).toISOString();
    this.work.remember();
    return true;
  }

  private forget(imageId: string): void {
    const at = this.doomed.findIndex((one) => one.imageId === imageId);
    if (at < 0) return;
    this.doomed.splice(at, 1);
    this.work.remember();
  }
}
