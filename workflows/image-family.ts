import {
  allHandlersFinished,
  ApplicationFailure,
  CancellationScope,
  condition,
  continueAsNew,
  isCancellation,
  log,
  patched,
  setCurrentDetails,
  setHandler,
  sleep,
  upsertMemo,
  upsertSearchAttributes,
  workflowInfo,
} from '@temporalio/workflow';
import {
  type BuildRef,
  type Doomed,
  type FamilyInput,
  familyMemo,
  type FamilyPlace,
  type FamilyProgress,
  familyQuery,
  type FamilyState,
  fillReleaseName,
  type GivenName,
  makeRoomUpdate,
  type NameWish,
  type Promoted,
  type Promotion,
  promoteUpdate,
  rejectImageUpdate,
  type Rejection,
  type ReleaseState,
  retireUpdate,
  type RetiredImage,
  type Retirement,
  type Rollback,
  type RoomMaking,
  rollbackUpdate,
  searchAttributes,
  takeNameUpdate,
  type Trailing,
  type UnsharedImage,
} from '../contract';
import { now } from './clock';
import { familyDetails } from './family/details';
import { stepFailure } from './failures';
import { moveCurrent, onlyCurrentAnswers, type Promoting, rollBackTarget } from './family/move-current';
import { giveBack } from './family/give-back-shares';
import { longLived } from './long-lived';
import { Orphans, snapshotsAgain } from './family/orphans';
import { activitiesAt, familyDeadlines, tryAgain } from './family/place';
import { retireOne, toRetire } from './family/retire';
import { Unshared } from './family/unshared';
import { quotaActivities } from './quota/activities';

/**
 * Serialises what happens to the images of one family in one account: promote, roll back, reject, retire never run at the same
 * time in the same region. It lives as long as the family, and continues as new when its history gets long.
 *
 * The tags on the images are the truth, and are read anew each time; this workflow remembers only which rejected images are
 * still to be deleted, which images are to answer for the family no longer, which snapshots are to go with images that are
 * gone, and which names were given to releases.
 */
export async function imageFamily(input: FamilyInput): Promise<void> {
  const family = new Family(input);
  await family.live();
}

longLived(imageFamily);

/** Patch: what was promoted is not rejected by whoever did not wait for it. */
const promotedStays = 'promoted-stays';
/** Patch: who rejects an image gives its promotion up. */
const rejectionGivesUp = 'rejection-gives-up';
/** Patch: a rejected image that could not be deleted is tried again. */
const rejectedAgain = 'rejected-again';
/** Patch: what only the workflow knows is in its memo, for the one that goes on on another task queue. */
const isRemembered = 'family-in-memo';
/** Patch: what could not be kept from answering is tried again. */
const trailingAgain = 'trailing-again';

/** Patch: shares that could not be given back are tried again. */
const sharesAgain = 'shares-again';

const notCandidate = (imageId: string, imageState: ReleaseState) =>
  ApplicationFailure.create({
    type: 'NotCandidate',
    message: `${imageId} is ${imageState}: it was promoted, and is no candidate any more`,
    nonRetryable: true,
    details: [{ imageState, advice: 'To have the image before it current again: cvm-image family rollback.' }],
  });

const givenUp = (imageId: string) =>
  ApplicationFailure.create({
    type: 'GivenUp',
    message: `the promotion of ${imageId} was given up by whoever asked for it`,
    nonRetryable: true,
    details: [{ advice: 'Have the pipeline run again if the image is wanted after all.' }],
  });

/** A name counts for so long; by then its image is there, or nobody makes it. In milliseconds, and at most so many. */
const namesLive = { age: 7 * 86_400_000, count: 100 };

/** Patch: no region waits for what is done in another one. */
const queuePerRegion = 'queue-per-region';

/** The family at work: in each region one thing at a time, in the order in which they were asked for. */
class Family {
  private readonly doomed: Doomed[];
  private readonly trailing: Trailing[] = [];
  private readonly orphans: Orphans;
  private readonly unshared: Unshared;
  private names: GivenName[];
  private readonly progress: FamilyProgress;
  /** By region: ends when everything that was asked for there so far is done. */
  private readonly queues = new Map<string, Promise<unknown>>();
  /** Likewise of all regions, of when they were no queues of their own. */
  private queue: Promise<unknown> = Promise.resolve();
  /** By region: what is done there now. */
  private readonly doing = new Map<string, string>();
  private waiting = 0;
  /** What became of images that were promoted of late. What a tag says is what counts, but it shows late. */
  private readonly promoted = new Map<string, ReleaseState>();
  /** What nobody wants promoted any more. */
  private readonly unwanted = new Set<string>();
  /** By image: what is being promoted, in one region or another. */
  private readonly promoting = new Map<string, Promoting>();

  constructor(private readonly input: FamilyInput) {
    const { accountId, family, doomed = [], orphaned = [], unshared = [], names = [] } = input;
    this.doomed = doomed;
    this.names = names;
    this.orphans = new Orphans(
      orphaned,
      (place) => this.refOf(place),
      () => this.remember(),
    );
    this.unshared = new Unshared(unshared, () => this.remember());
    this.progress = { accountId, family, doomed, trailing: this.trailing, orphaned, unshared };
    // Before anything that is asked for: it finds the images shared as they were.
    for (const one of [...unshared]) void this.giveBack(one);
    upsertSearchAttributes([{ key: searchAttributes.ImageFamily, value: family }]);
    setHandler(familyQuery, () => this.progress, { description: 'What it does now, and what it has still to do' });
    setHandler(promoteUpdate, (promotion) => this.promote(promotion), {
      description:
        'Makes an image of the family the current one: {"place": {"region": "…", "heartbeat": 20}, "imageId": "img-…", "by": "…"}',
    });
    setHandler(rollbackUpdate, (rollback) => this.rollBack(rollback), {
      description: 'Makes the image current again that was so before, or the one that is named as "to"',
    });
    setHandler(rejectImageUpdate, (rejection) => this.reject(rejection), {
      description: 'Marks a candidate as rejected, and deletes it after a while',
    });
    setHandler(retireUpdate, (retirement) => this.retire(retirement), {
      description:
        'Deletes what the rules of a pipeline no longer keep; with "dryRun" it only says what would go and what would stay',
    });
    setHandler(makeRoomUpdate, (making) => this.makeRoom(making), {
      description: 'Deletes one old image, if it may still go, so that there is room for another',
    });
    setHandler(takeNameUpdate, (wish) => this.takeName(wish), {
      description: 'Names the image that a release is to make as no other release of the family was told to',
    });
    for (const { place, imageIds, tries } of input.trailing ?? []) this.follow(place, imageIds, tries);
    this.orphans.resume();
    this.show();
  }

  /** Deletes rejected images when their time has come. */
  async live(): Promise<void> {
    if (Object.values(this.state).some((list = []) => list.length > 0)) this.remember();
    for (;;) {
      if (workflowInfo().continueAsNewSuggested) await this.goOn();
      const [next] = [...this.doomed].sort((a, b) => a.at.localeCompare(b.at));
      const known = this.doomed.length;
      const changed = () => this.doomed.length !== known || workflowInfo().continueAsNewSuggested;
      if (!next) {
        await condition(changed);
        continue;
      }
      const left = Date.parse(next.at) - Date.now();
      const summary = `${next.imageId} (${next.name}) is rejected, and goes at ${next.at}`;
      if (left > 0 && (await condition(changed, left, { summary }))) continue;
      await this.deleteRejected(next);
    }
  }

  private async goOn(): Promise<never> {
    await condition(() => this.waiting === 0 && allHandlersFinished());
    const { accountId, family } = this.input;
    return continueAsNew<typeof imageFamily>({ accountId, family, ...this.state });
  }

  /** Names have no region: copies bear them in others, too. */
  private takeName({ release, template, date, from }: NameWish): { imageName: string } {
    const { family } = this.input;
    const since = new Date(Date.now() - namesLive.age).toISOString();
    const others = this.names.filter((one) => one.release !== release && one.at > since);
    const given = new Set(others.map(({ name }) => name));
    let seq = from;
    const name = () => fillReleaseName(template, { family, date, seq: String(seq) });
    while (given.has(name()) && seq - from <= given.size) seq += 1;
    this.names = [...others, { name: name(), release, at: now() }].slice(-namesLive.count);
    this.remember();
    return { imageName: name() };
  }

  private promote({ place, imageId, by }: Promotion): Promise<Promoted> {
    return this.next(place, `promote ${imageId}, asked by ${by}`, async () => {
      if (this.unwanted.has(imageId)) throw givenUp(imageId);
      const promoting = { imageId, scope: new CancellationScope(), isCurrent: false };
      this.promoting.set(imageId, promoting);
      try {
        const promoted = await moveCurrent(this.refOf(place), place, this.input.family, {
          imageId,
          old: 'released',
          promoting,
          unshared: this.unshared,
        });
        this.moved(promoted, 'released', place);
        return promoted;
      } catch (error) {
        throw isCancellation(error) && promoting.scope.consideredCancelled ? givenUp(imageId) : error;
      } finally {
        this.promoting.delete(imageId);
      }
    });
  }

  /** Shares an image again that whoever came before had unshared for a change, and could not share again. */
  private async giveBack(one: UnsharedImage): Promise<void> {
    const { place, imageId, accounts } = one;
    const { family } = this.input;
    for (;;) {
      try {
        await this.next(place, `share ${imageId} with ${accounts.join(', ')} as before`, async () => {
          const lost = await giveBack(this.refOf(place), family, one);
          if (lost.length > 0) throw ApplicationFailure.create({ type: 'SharesLost', message: lost.join('; ') });
        });
        break;
      } catch (error) {
        log.warn('an image could not be shared as before', { imageId, accounts, error });
        const tries = (one.tries ?? 0) + 1;
        if (isCancellation(error) || tries >= tryAgain.times || !patched(sharesAgain)) break;
        Object.assign(one, { tries, problem: stepFailure(error).message });
        this.remember();
        const summary = `${imageId} is not shared as before: tried again`;
        await CancellationScope.nonCancellable(() => sleep(tryAgain.pause * 1000, { summary }));
      }
    }
    this.unshared.forget([one]);
  }

  private moved({ imageId, previous, later }: Promoted, old: ReleaseState, place: FamilyPlace): void {
    if (previous !== undefined) this.promoted.set(previous, old);
    this.promoted.set(imageId, 'current');
    if (later) this.follow(place, later);
  }

  /** Images that are being copied take no changes: they no longer answer for the family once that is over. */
  private follow(place: FamilyPlace, imageIds: string[], tries?: number): void {
    const one: Trailing = { place, imageIds, ...(tries === undefined ? {} : { tries }) };
    this.trailing.push(one);
    this.remember();
    void this.silence(one).finally(() => {
      this.trailing.splice(this.trailing.indexOf(one), 1);
      this.remember();
    });
  }

  private async silence(one: Trailing): Promise<void> {
    const { place, imageIds } = one;
    const build = this.refOf(place);
    const which = imageIds.join(', ');
    for (;;) {
      try {
        // Nobody waits for that: it may take as long as a copy.
        const about = { summary: `${which}: until copied`, deadline: familyDeadlines.copy };
        await activitiesAt(place, about).awaitCopied({ build, imageIds });
        const later = await this.next(place, `${which} in ${place.region} no longer answers`, () =>
          onlyCurrentAnswers(build, place, this.input.family, this.unshared),
        );
        if (later.length > 0) this.follow(place, later);
        return;
      } catch (error) {
        log.warn('an image goes on answering for its family', { imageIds, error });
        const tries = (one.tries ?? 0) + 1;
        // Then the next promotion or rollback there sees to it.
        if (isCancellation(error) || tries >= tryAgain.times || !patched(trailingAgain)) return;
        one.tries = tries;
        this.remember();
        const summary = `${which} still answers in ${place.region}: tried again`;
        await CancellationScope.nonCancellable(() => sleep(tryAgain.pause * 1000, { summary }));
      }
    }
  }

  private rollBack({ place, to, from, by, reason }: Rollback): Promise<Promoted> {
    const why = reason === undefined ? '' : `: ${reason}`;
    return this.next(place, `roll back in ${place.region}, asked by ${by}${why}`, async () => {
      const ref = this.refOf(place);
      const target = await rollBackTarget(ref, place, this.input.family, { to, from });
      if ('done' in target) return target.done;
      const promoted = await moveCurrent(ref, place, this.input.family, {
        ...target,
        old: 'withdrawn',
        unshared: this.unshared,
      });
      this.moved(promoted, 'withdrawn', place);
      return promoted;
    });
  }

  private async reject({ place, imageId, name, at, keepFor }: Rejection): Promise<undefined> {
    if (patched(rejectionGivesUp)) this.giveUp(imageId);
    return this.next(place, `reject ${imageId}`, async () => {
      // Its run was cancelled, or did not wait long enough: the promotion came to its end all the same.
      const became = this.promoted.get(imageId);
      if (became !== undefined && patched(promotedStays)) throw notCandidate(imageId, became);
      const about = { summary: `mark ${imageId} as rejected`, deadline: familyDeadlines.change };
      const marked = await activitiesAt(place, about).markImage({
        build: this.refOf(place),
        family: this.input.family,
        imageId,
        state: 'rejected',
        since: at,
      });
      const due = new Date(Date.now() + keepFor * 1000).toISOString();
      if (marked?.later) this.follow(place, marked.later);
      if (!this.doomed.some((one) => one.imageId === imageId)) this.doomed.push({ place, imageId, name, at: due });
      this.remember();
      return undefined;
    });
  }

  /** Whoever rejects an image no longer wants it promoted, and need not wait until it is when it is current already. */
  private giveUp(imageId: string): void {
    this.unwanted.add(imageId);
    const promoting = this.promoting.get(imageId);
    if (!promoting) return;
    if (promoting.isCurrent) throw notCandidate(imageId, 'current');
    promoting.scope.cancel();
  }

  /** Looks once, then deletes one image after the other; each is looked at again when its turn has come. */
  private async retire(retirement: Retirement): Promise<RetiredImage[]> {
    const { place, dryRun, only } = retirement;
    const { region } = place;
    const { family } = this.input;
    const fates = await this.next(place, `see what is to go in ${region}`, () =>
      toRetire(this.refOf(place), place, family, retirement),
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
      const { image, snapshotIds } = await this.next(place, `retire ${one.imageId} (${one.name})`, () =>
        retireOne(this.refOf(place), place, family, retirement, one),
      );
      if (image.outcome === 'deleted') this.forget(one.imageId);
      retired.push(image);
      if (snapshotIds.length > 0) clearing.push(this.clearAfter(place, image, snapshotIds));
    }
    // Meanwhile the others go.
    if (clearing.length > 0) await Promise.all(clearing);
    return retired;
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

  private async makeRoom({ place, goes, by, until }: RoomMaking): Promise<{ retired: boolean }> {
    const { imageId, name } = goes;
    // By whom they are remembered; the activity only deletes the image then.
    const snapshotIds = patched(snapshotsAgain) ? goes.snapshotIds : [];
    try {
      const made = await this.next(place, `retire ${imageId} (${name}), to make room for ${by}`, async () => {
        const left = (Date.parse(until) - Date.now()) / 1000;
        if (left <= 0) return { retired: false };
        const about = {
          summary: `retire ${imageId} (${name}) for ${by}`,
          deadline: Math.min(left, familyDeadlines.delete),
        };
        return quotaActivities({ taskQueue: workflowInfo().taskQueue, heartbeat: place.heartbeat }, about).retireOldest(
          {
            build: this.refOf(place),
            family: this.input.family,
            goes: { ...goes, snapshotIds: goes.snapshotIds.filter((id) => !snapshotIds.includes(id)) },
          },
        );
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

  private async deleteRejected(doomed: Doomed): Promise<void> {
    const { place, imageId, name } = doomed;
    const { family } = this.input;
    const retirement = { youngerThan: 0, keepRejected: 0, now: doomed.at };
    try {
      const { image, snapshotIds } = await this.next(place, `delete ${imageId} (${name}), which was rejected`, () =>
        retireOne(this.refOf(place), place, family, retirement, {
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

  /** What cannot be deleted now is tried again for a while; then it is left to the next retirement, which finds it by its tags. */
  private triesAgain(doomed: Doomed): boolean {
    const tries = (doomed.tries ?? 0) + 1;
    if (tries >= tryAgain.times || !patched(rejectedAgain)) return false;
    doomed.tries = tries;
    doomed.at = new Date(Date.now() + tryAgain.pause * 1000).toISOString();
    this.remember();
    return true;
  }

  private forget(imageId: string): void {
    const at = this.doomed.findIndex((one) => one.imageId === imageId);
    if (at >= 0) {
      this.doomed.splice(at, 1);
      this.remember();
    }
    this.show();
  }

  /** Does one thing after all that were asked for before in its region. A failure is its own, and not that of what comes next. */
  private async next<T>({ region }: FamilyPlace, what: string, work: () => Promise<T>): Promise<T> {
    this.waiting += 1;
    const isOfRegion = patched(queuePerRegion);
    const before = (isOfRegion ? this.queues.get(region) : undefined) ?? this.queue;
    const done = (async () => {
      await before.catch(() => undefined);
      this.doing.set(region, what);
      this.show();
      return work();
    })();
    const end = done.catch(() => undefined);
    if (isOfRegion) this.queues.set(region, end);
    else this.queue = end;
    try {
      const result = await done;
      this.progress.last = `${now()} ${what}: done`;
      return result;
    } catch (error) {
      const { code, message, advice, requestId, imageState } = stepFailure(error);
      this.progress.last = `${now()} ${what}: ${message}`;
      const details = [{ code, message, advice, requestId, imageState }];
      throw ApplicationFailure.create({ type: code, message, nonRetryable: true, details });
    } finally {
      this.waiting -= 1;
      this.doing.delete(region);
      this.show();
    }
  }

  /** What only this workflow knows. */
  private get state(): FamilyState {
    const { doomed, trailing, orphans, unshared, names } = this;
    return {
      doomed,
      trailing,
      orphaned: orphans.all,
      ...(unshared.all.length === 0 ? {} : { unshared: unshared.all }),
      ...(names.length === 0 ? {} : { names }),
    };
  }

  private refOf({ region, roleArn }: FamilyPlace): BuildRef {
    const { accountId } = this.input;
    const buildId = `family-${workflowInfo().firstExecutionRunId.slice(-12)}`;
    return { buildId, region, instanceId: '', reset: false, roleArn, accountId };
  }

  private remember(): void {
    if (patched(isRemembered)) upsertMemo({ [familyMemo]: this.state });
    this.show();
  }

  private show(): void {
    const [one, ...more] = [...this.doing];
    if (!one) delete this.progress.doing;
    else if (more.length === 0) this.progress.doing = one[1];
    else this.progress.doing = [one, ...more].map(([region, what]) => `${region}: ${what}`).join('; ');
    setCurrentDetails(familyDetails(this.progress));
  }
}
