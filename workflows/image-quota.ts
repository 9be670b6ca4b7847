import {
  ActivityFailure,
  allHandlersFinished,
  CancellationScope,
  condition,
  continueAsNew,
  getExternalWorkflowHandle,
  isCancellation,
  log,
  patched,
  setHandler,
  TimeoutFailure,
  workflowInfo,
} from '@temporalio/workflow';
import {
  type DeletionPlan,
  type FamilyPlace,
  type Lease,
  makeRoomUpdate,
  type Party,
  type QuotaInput,
  quotaQuery,
  type RoomAnswer,
  type RoomMaking,
  type RoomRequest,
  type RoomSeen,
  reserveUpdate,
  turnSignal,
  type Waiting,
  withdrawSignal,
} from '../contract';
import { now } from './clock';
import { stepFailure } from './failures';
import { longLived } from './long-lived';
import { quotaActivities } from './quota/activities';
import { QuotaLedger } from './quota/ledger';

/** After so many heartbeats (5 minutes by default) it is asked whether the holders of slots are still there. */
const beatsBetweenLooks = 15;

/** A worker that does not take what it is asked within so many seconds counts as gone, and another one's is asked. */
const goneSeconds = 300;

/** Patch: a look after the holders of slots gives way to whoever asks. */
const tidyGivesWay = 'tidy-gives-way';

/** Patch: the oldest of a family goes by the hand of the family's workflow. */
const familyMakesRoom = 'family-makes-room';

/** Patch: of those who wait for one family's images, whoever came last does not overtake the others. */
const firstOfFamily = 'first-of-family';

/** How long a family may take to delete its oldest image, in seconds. Nobody else is answered meanwhile. */
const familySeconds = 300;

/** How long images of a family are not asked about again when the last deletion was refused, in seconds. */
const retireAgainSeconds = 300;

/**
 * Hands out the slots of a region's image quota, first come first served, so that builds which begin at the same time do not
 * overbook it. A slot is a lease that ends with the build, however that ends: Temporal is asked whether it is still open.
 *
 * What exists is looked at anew for every decision; an image that the holder of a slot has made already counts once. The
 * workflow ends when nobody has a slot or waits for one.
 */
export async function imageQuota(input: QuotaInput): Promise<void> {
  await new Quota(input).live();
}

longLived(imageQuota);

/** Somebody who has asked, and waits for the answer. */
interface Asking {
  request: RoomRequest;
  answer?: RoomAnswer;
  /** How often its worker did not take the look that it was asked for. */
  untaken?: number;
}

/** Patch: when nobody takes the look of whoever asks, the next one's worker is asked. */
const nextOneLooks = 'next-one-looks';
/** How long a worker may take to take that look, in seconds, and how often it is asked. Others who ask wait meanwhile. */
const lookTaken = { within: 60, times: 10 };

/** Patch: it continues as new long before Temporal suggests it. */
const shortHistories = 'short-histories';
/** Events after which it does. A worker that takes it over reads them all, and meanwhile everybody in the region waits. */
const mostEvents = 200;

const isLong = () =>
  workflowInfo().continueAsNewSuggested || (workflowInfo().historyLength > mostEvents && patched(shortHistories));

class Quota {
  private readonly ledger: QuotaLedger;
  private readonly asking: Asking[] = [];
  private readonly withdrawn = new Set<string>();
  /** Until then nobody's oldest image is thought of: the last deletion was refused. */
  private retireAgainAt = 0;
  /** Whose worker looks: it goes round when one does not, for that worker may be gone for good. */
  private turn = 0;
  /** Updates that families' workflows were asked for. */
  private asked = 0;

  constructor(private readonly input: QuotaInput) {
    this.ledger = new QuotaLedger(input);
    setHandler(quotaQuery, () => this.ledger.progress, {
      description: 'Who has a slot of the quota, who waits for one, and how many images there are',
    });
    setHandler(
      reserveUpdate,
      async (request) => {
        const asking: Asking = { request };
        this.asking.push(asking);
        await condition(() => asking.answer !== undefined);
        return asking.answer!;
      },
      { description: 'A build asks for a slot; asked again, it is told how it stands' },
    );
    setHandler(withdrawSignal, (owner) => void this.withdrawn.add(owner), {
      description: 'A build no longer waits',
    });
  }

  async live(): Promise<void> {
    for (;;) {
      if (this.withdrawn.size > 0) await this.letGo();
      const { leases, queue } = this.ledger;
      if (this.asking.length > 0) await this.decide();
      else if (isLong()) {
        await condition(allHandlersFinished);
        if (this.hasNews) continue;
        const { accountId, region } = this.input;
        return continueAsNew<typeof imageQuota>({ accountId, region, leases, queue });
      } else if (queue.length > 0) await this.watch(queue[this.turn % queue.length]!);
      else if (leases.length > 0) await this.tidy(leases[this.turn % leases.length]!);
      else {
        await condition(allHandlersFinished);
        if (!this.hasNews) return;
      }
    }
  }

  private get hasNews(): boolean {
    return this.asking.length > 0 || this.withdrawn.size > 0;
  }

  /** Answers everybody who has asked so far. */
  private async decide(): Promise<void> {
    const asked = this.asking.splice(0);
    for (const { request } of asked) this.ledger.enqueue(request);
    let answer: (request: RoomRequest) => RoomAnswer;
    try {
      const seen = await this.look(asked[0]!.request, { standings: false, takenWithin: lookTaken.within });
      await this.settle(
        seen,
        asked.map(({ request }) => request.owner),
      );
      answer = (request) => this.ledger.answerFor(request);
    } catch (error) {
      if (wasNotTaken(error) && this.putOff(asked)) return;
      const { code, message, advice, requestId } = stepFailure(error);
      log.warn('nobody could look at the quota', { code, message });
      answer = () => ({ is: 'failed', code, message, advice, requestId });
      this.ledger.forgetNew();
    }
    for (const asking of asked) asking.answer = answer(asking.request);
    this.ledger.dropRefused();
    this.ledger.show();
  }

  /**
   * The worker of whoever asked first has not taken the look: it is dead, or away for a while. The others go before it, each with a worker of
   * its own to ask.
   *
   * @returns whether there is any sense in it
   */
  private putOff(asked: Asking[]): boolean {
    const { taskQueue } = asked[0]!.request;
    const away = asked.filter(({ request }) => request.taskQueue === taskQueue);
    for (const one of away) one.untaken = (one.untaken ?? 0) + 1;
    if (away.some(({ untaken = 0 }) => untaken >= lookTaken.times) || !patched(nextOneLooks)) return false;
    this.ledger.forgetNew();
    const others = asked.filter((one) => !away.includes(one));
    this.asking.unshift(...others);
    this.asking.push(...away);
    return true;
  }

  private look(by: RoomRequest, how: { standings: boolean; takenWithin?: number }): Promise<RoomSeen> {
    const { region } = this.input;
    const { leases, queue } = this.ledger;
    const { standings, takenWithin } = how;
    const about = { summary: `room for images in ${region}`, deadline: 600 };
    return quotaActivities(by, { ...about, ...(takenWithin === undefined ? {} : { takenWithin }) }).inspectRoom({
      build: this.ledger.refFor(by),
      holders: leases.map(party),
      waiting: queue.map(party),
      standings,
    });
  }

  /** Hands out what a look has shown to be free. What was asked for since then has to wait for the next look. */
  private async settle(seen: RoomSeen, asked: string[] = []): Promise<void> {
    const { ledger } = this;
    ledger.saw(seen);
    const turns: Lease[] = ledger.grantInTurn(seen);
    const retiring = ledger.queue.filter(({ whenFull }) => whenFull === 'retire-oldest');
    const due = retiring.filter(({ owner }) => asked.includes(owner) || seen.retirable.includes(owner));
    if (due.length > 0 && patched(firstOfFamily)) turns.push(...(await this.retireInTurn(retiring, due)));
    else for (const one of due) if (await this.makeRoomFor(one)) turns.push(ledger.grant(one));
    await this.announce(turns, asked);
  }

  /** Whoever of a family came first is given what it gives up, whoever of it has asked or was seen to get something. */
  private async retireInTurn(retiring: Waiting[], due: Waiting[]): Promise<Lease[]> {
    const families = new Set(due.map(({ family }) => family));
    const turns: Lease[] = [];
    /** Families that give up no more now, with the reason. */
    const spent = new Map<string | undefined, string | undefined>();
    for (const one of retiring.filter(({ family }) => families.has(family))) {
      const { family } = one;
      if (spent.has(family)) one.why = spent.get(family);
      else if (await this.makeRoomFor(one)) turns.push(this.ledger.grant(one));
      else spent.set(family, one.why);
    }
    return turns;
  }

  /** Forgets those that no longer wait. */
  private async letGo(): Promise<void> {
    this.ledger.remove([...this.withdrawn]);
    this.withdrawn.clear();
    await this.announce([], []);
  }

  /** Tells whose turn has come, and whose place has changed; those that have asked are told by their answers. */
  private async announce(turns: Lease[], asked: string[]): Promise<void> {
    const moved = this.ledger.positions().filter(({ owner }) => !asked.includes(owner));
    const granted = turns.filter(({ owner }) => !asked.includes(owner));
    this.ledger.show();
    await Promise.all([
      ...granted.map((one) => this.tell(one, 0)),
      ...moved.map((one) => this.tell(one, one.position!)),
    ]);
  }

  /**
   * Lets the oldest of a family go. What becomes free is for whoever gave it up. A build gives up one image at most: when that
   * is not enough, somebody has lowered the quota, and people have to say what is to go.
   */
  private async makeRoomFor(one: Waiting): Promise<boolean> {
    const { ledger } = this;
    if (one.family === undefined) {
      one.why = 'the build names no family (image.family) whose images could go';
      return false;
    }
    const count = ledger.missing();
    if (count > 1) {
      one.why = `${count} images would have to go for one more, and a build gives up one at most`;
      return false;
    }
    const { family } = one;
    const build = ledger.refFor(one);
    const activities = (summary: string, deadline: number) =>
      quotaActivities(one, { summary, deadline, takenWithin: lookTaken.within });
    try {
      const look = activities(`the oldest of the family ${family}`, 600);
      const { goes, why } = await look.inspectOldest({ build, family });
      one.why = why;
      if (!goes) return false;
      const summary = `retire ${goes.imageId} (${goes.name}) for ${one.buildId}`;
      const retired = patched(familyMakesRoom)
        ? await this.askFamily(one, goes, activities(summary, familySeconds))
        : (await activities(summary, 1800).retireOldest({ build, family, goes })).retired;
      if (retired) ledger.retired(goes);
      return retired;
    } catch (error) {
      one.why = stepFailure(error).message;
      this.retireAgainAt = Date.now() + retireAgainSeconds * 1000;
      return false;
    }
  }

  /** Has the family's workflow delete it: a promotion or a rollback of the same image is over by then, or comes after. */
  private async askFamily(
    { family, buildId, roleArn, heartbeat }: Waiting,
    goes: DeletionPlan,
    { askFamily }: ReturnType<typeof quotaActivities>,
  ): Promise<boolean> {
    const { region } = this.input;
    const place: FamilyPlace = { region, heartbeat, ...(roleArn === undefined ? {} : { roleArn }) };
    const until = new Date(Date.now() + familySeconds * 1000).toISOString();
    const argument: RoomMaking = { place, goes, by: buildId, until };
    this.asked += 1;
    const { retired } = (await askFamily({
      build: this.ledger.refFor({ roleArn }),
      family: family!,
      update: makeRoomUpdate.name,
      updateId: `${workflowInfo().runId}-room-${this.asked}`,
      argument,
    })) as { retired: boolean };
    return retired;
  }

  /** Waits until somebody's turn has come, or somebody asks. */
  private async watch(by: Waiting): Promise<void> {
    const { leases, queue } = this.ledger;
    const mayRetire = Date.now() >= this.retireAgainAt;
    const retiring = queue.flatMap(({ owner, buildId, whenFull, family }) =>
      mayRetire && whenFull === 'retire-oldest' && family !== undefined ? [{ owner, buildId, family }] : [],
    );
    const about = { summary: `${queue.length} wait for room in ${this.input.region}`, takenWithin: goneSeconds };
    const look = () =>
      quotaActivities(by, about).awaitRoom({
        build: this.ledger.refFor(by),
        holders: leases.map(party),
        waiting: queue.map(party),
        retiring,
      });
    const failed = async (error: unknown) => {
      // It tries again by itself as long as it may: somebody has ended it by hand, or no worker takes it.
      log.warn('the queue could not be watched', { error });
      this.turn += 1;
      await condition(() => this.hasNews, '1 minute');
    };
    await this.settleUnlessAsked(look, failed, mayRetire ? undefined : this.retireAgainAt - Date.now());
  }

  /**
   * Takes a look and hands out what it shows to be free; gives way to whoever asks meanwhile.
   *
   * @param again milliseconds after which it gives way in any case
   * @returns whether it has seen anything
   */
  private async settleUnlessAsked(
    look: () => Promise<RoomSeen>,
    failed: (error: unknown) => void | Promise<void>,
    again?: number,
  ): Promise<boolean> {
    const scope = new CancellationScope();
    const looking = scope.run(look);
    const news = scope.run(async () => {
      if (again === undefined) await condition(() => this.hasNews);
      else await condition(() => this.hasNews, again);
    });
    try {
      const seen = await Promise.race([looking, news]);
      if (seen) await this.settle(seen);
      return seen !== undefined;
    } catch (error) {
      if (isCancellation(error)) throw error;
      await failed(error);
      return false;
    } finally {
      scope.cancel();
      await Promise.allSettled([looking, news]);
    }
  }

  /** Nobody waits: now and then it is asked whether the holders are still there. */
  private async tidy(by: Lease): Promise<void> {
    const pause = by.heartbeat * beatsBetweenLooks * 1000;
    const summary = `${this.ledger.leases.length} hold slots; until they are looked after`;
    if (await condition(() => this.hasNews, pause, { summary })) return;
    if (patched(tidyGivesWay)) await this.lookAfter(by);
    else await this.lookAfterInOneGo(by);
  }

  /** Asks who is over, and gives way to whoever asks meanwhile: nobody waits for the worker of somebody else. */
  private async lookAfter(by: Lease): Promise<void> {
    const look = () => this.look(by, { standings: true, takenWithin: goneSeconds });
    if (!(await this.settleUnlessAsked(look, notLookedAfter))) this.turn += 1;
  }

  /** As it was before: kept for those that are at it. */
  private async lookAfterInOneGo(by: Lease): Promise<void> {
    try {
      await this.settle(await this.look(by, { standings: true }));
    } catch (error) {
      if (isCancellation(error)) throw error;
      notLookedAfter(error);
    }
  }

  /** Tells a build its place, or (0) that its turn has come. One that is no longer there needs neither. */
  private async tell({ owner, buildId, workflowId, refusals }: RoomRequest, position: number): Promise<void> {
    if (workflowId === undefined) return;
    const { region } = this.input;
    try {
      await getExternalWorkflowHandle(workflowId).signal(turnSignal, { buildId, region, refusals, position });
    } catch (error) {
      if (isCancellation(error)) throw error;
      log.info('a build that waited for room is gone', { buildId, at: now() });
      this.withdrawn.add(owner);
    }
  }
}

/** No worker polls the task queue, or none had a slot to spare. */
const wasNotTaken = (error: unknown) =>
  error instanceof ActivityFailure &&
  error.cause instanceof TimeoutFailure &&
  error.cause.timeoutType === 'SCHEDULE_TO_START';

const notLookedAfter = (error: unknown) => log.warn('the holders of slots could not be looked after', { error });

const party = ({ owner, buildId, imageName }: RoomRequest): Party => ({
  owner,
  buildId,
  ...(imageName === undefined ? {} : { imageName }),
});
