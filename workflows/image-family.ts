import {
  allHandlersFinished,
  ApplicationFailure,
  CancellationScope,
  condition,
  continueAsNew,
  isCancellation,
  patched,
  setCurrentDetails,
  setHandler,
  upsertMemo,
  upsertSearchAttributes,
  workflowInfo,
} from '@temporalio/workflow';
import {
  type BuildRef,
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
  type Rollback,
  rollbackUpdate,
  searchAttributes,
  takeNameUpdate,
  type UnsharedImage,
} from '../contract';
import { now } from './clock';
import { familyDetails } from './family/details';
import { giveBack } from './family/give-back-shares';
import { type Moved, moveCurrent, type Promoting, rollBackTarget } from './family/move-current';
import { Orphans } from './family/orphans';
import { activitiesAt, familyDeadlines } from './family/place';
import { Retiring } from './family/retiring';
import { TrailingImages } from './family/trailing';
import { nextTry } from './family/tried-again';
import { Turns } from './family/turns';
import { Unshared } from './family/unshared';
import { longLived } from './long-lived';

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
/** Patch: what only the workflow knows is in its memo, for the one that goes on on another task queue. */
const isRemembered = 'family-in-memo';
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

/** The family at work. */
class Family {
  private readonly progress: FamilyProgress;
  private readonly turns: Turns;
  private readonly unshared: Unshared;
  private readonly trailing: TrailingImages;
  private readonly orphans: Orphans;
  private readonly retiring: Retiring;
  private names: GivenName[];
  /** What became of images that were promoted of late. What a tag says is what counts, but it shows late. */
  private readonly promoted = new Map<string, ReleaseState>();
  /** What nobody wants promoted any more. */
  private readonly unwanted = new Set<string>();
  /** By image: what is being promoted, in one region or another. */
  private readonly promoting = new Map<string, Promoting>();

  constructor(private readonly input: FamilyInput) {
    const { accountId, family, doomed = [], orphaned = [], unshared = [], names = [] } = input;
    this.progress = { accountId, family, doomed, orphaned, unshared };
    this.turns = new Turns(this.progress, () => this.show());
    const work = {
      family,
      turns: this.turns,
      refOf: (place: FamilyPlace) => this.refOf(place),
      remember: () => this.remember(),
    };
    this.unshared = new Unshared(work, unshared);
    this.trailing = new TrailingImages(work, this.unshared);
    this.progress.trailing = this.trailing.all;
    this.orphans = new Orphans(work, orphaned);
    this.retiring = new Retiring(work, doomed, this.orphans, (one) => {
      this.unshared.add([one]);
      void this.giveBack(one);
    });
    this.names = names;
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
    setHandler(retireUpdate, (retirement) => this.retiring.retire(retirement), {
      description:
        'Deletes what the rules of a pipeline no longer keep; with "dryRun" it only says what would go and what would stay',
    });
    setHandler(makeRoomUpdate, (making) => this.retiring.makeRoom(making), {
      description: 'Deletes one old image, if it may still go, so that there is room for another',
    });
    setHandler(takeNameUpdate, (wish) => this.takeName(wish), {
      description: 'Names the image that a release is to make as no other release of the family was told to',
    });
    for (const one of input.trailing ?? []) this.trailing.follow(one);
    this.orphans.resume();
    this.show();
  }

  /** Deletes rejected images when their time has come. */
  async live(): Promise<void> {
    if (Object.values(this.state).some((list = []) => list.length > 0)) this.remember();
    for (;;) {
      if (workflowInfo().continueAsNewSuggested) await this.goOn();
      const { doomed } = this.retiring;
      const [next] = [...doomed].sort((a, b) => a.at.localeCompare(b.at));
      const known = doomed.length;
      const changed = () => doomed.length !== known || workflowInfo().continueAsNewSuggested;
      if (!next) {
        await condition(changed);
        continue;
      }
      const left = Date.parse(next.at) - Date.now();
      const summary = `${next.imageId} (${next.name}) is rejected, and goes at ${next.at}`;
      if (left > 0 && (await condition(changed, left, { summary }))) continue;
      await this.retiring.deleteRejected(next);
    }
  }

  private async goOn(): Promise<never> {
    await condition(() => this.turns.isIdle && allHandlersFinished());
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

  private promote({ place, imageId, by, unlessCurrent }: Promotion): Promise<Promoted> {
    return this.turns.next(place, `promote ${imageId}, asked by ${by}`, async () => {
      if (this.unwanted.has(imageId)) throw givenUp(imageId);
      const promoting = { imageId, scope: new CancellationScope(), isCurrent: false };
      this.promoting.set(imageId, promoting);
      try {
        const moved = await moveCurrent(this.refOf(place), place, this.input.family, {
          imageId,
          old: 'released',
          promoting,
          unlessCurrent,
          unshared: this.unshared,
        });
        return this.moved(moved, 'released', place);
      } catch (error) {
        throw isCancellation(error) && promoting.scope.consideredCancelled ? givenUp(imageId) : error;
      } finally {
        this.promoting.delete(imageId);
      }
    });
  }

  /** Shares an image again that whoever came before, or a retirement, had unshared for a change, and could not share again. */
  private async giveBack(one: UnsharedImage): Promise<void> {
    const { place, imageId, accounts } = one;
    for (;;) {
      try {
        await this.turns.next(place, `share ${imageId} with ${accounts.join(', ')} as before`, async () => {
          const lost = await giveBack(this.refOf(place), this.input.family, one);
          if (lost.length > 0) throw ApplicationFailure.create({ type: 'SharesLost', message: lost.join('; ') });
        });
        break;
      } catch (error) {
        const about = { imageId, accounts };
        const meanwhile = `${imageId} is not shared as before`;
        const pause = nextTry(one, { error, patch: sharesAgain, meanwhile, about, remember: () => this.remember() });
        if (!pause) break;
        await pause;
      }
    }
    this.unshared.forget([one]);
  }

  private moved({ left, ...promoted }: Moved, old: ReleaseState, place: FamilyPlace): Promoted {
    const { imageId, previous, later } = promoted;
    if (previous !== undefined) this.promoted.set(previous, old);
    this.promoted.set(imageId, 'current');
    if (later) this.trailing.follow({ place, imageIds: later });
    if (left) this.trailing.follow({ place, imageIds: left, state: old });
    return promoted;
  }

  private rollBack({ place, to, from, by, reason }: Rollback): Promise<Promoted> {
    const why = reason === undefined ? '' : `: ${reason}`;
    return this.turns.next(place, `roll back in ${place.region}, asked by ${by}${why}`, async () => {
      const ref = this.refOf(place);
      const target = await rollBackTarget(ref, place, this.input.family, { to, from });
      if ('done' in target) return target.done;
      const moved = await moveCurrent(ref, place, this.input.family, {
        ...target,
        old: 'withdrawn',
        unshared: this.unshared,
      });
      return this.moved(moved, 'withdrawn', place);
    });
  }

  private async reject({ place, imageId, name, at, keepFor }: Rejection): Promise<undefined> {
    if (patched(rejectionGivesUp)) this.giveUp(imageId);
    return this.turns.next(place, `reject ${imageId}`, async () => {
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
      if (marked?.later) this.trailing.follow({ place, imageIds: marked.later });
      this.retiring.doom({ place, imageId, name, at: due });
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

  /** What only this workflow knows. */
  private get state(): FamilyState {
    const { retiring, trailing, orphans, unshared, names } = this;
    return {
      doomed: retiring.doomed,
      trailing: trailing.all,
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
    setCurrentDetails(familyDetails(this.progress));
  }
}
