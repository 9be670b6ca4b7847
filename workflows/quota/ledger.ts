import { patched, setCurrentDetails, upsertMemo, upsertSearchAttributes, workflowInfo } from '@temporalio/workflow';
import {
  type BuildRef,
  type Lease,
  type QuotaInput,
  quotaMemo,
  type QuotaProgress,
  type RoomAnswer,
  type RoomRequest,
  type RoomSeen,
  searchAttributes,
  type Waiting,
} from '../../contract';
import { now } from '../clock';
import { quotaDetails } from './details';

/** Patch: who has a slot and asks again is not passed over by those that came before. */
const holdersKeep = 'holders-keep';

/** How many deletions are remembered for people to see. */
const retiredShown = 10;

/** Who has a slot, and who waits, in the order in which they asked. */
export class QuotaLedger {
  readonly progress: QuotaProgress;
  /** As last seen, with what was handed out and given up since. */
  private count: { used: number; total: number; withImage: string[] } = { used: 0, total: 0, withImage: [] };
  private shown = JSON.stringify({ leases: [], queue: [] });

  constructor({ accountId, region, leases = [], queue = [] }: QuotaInput) {
    this.progress = { accountId, region, leases, queue, retired: [] };
    upsertSearchAttributes([{ key: searchAttributes.ImageRegion, value: region }]);
    this.show();
  }

  get leases(): Lease[] {
    return this.progress.leases;
  }

  get queue(): Waiting[] {
    return this.progress.queue;
  }

  /** What an activity is told that is done for somebody. */
  refFor({ roleArn }: Pick<RoomRequest, 'roleArn'>): BuildRef {
    const { accountId, region } = this.progress;
    const buildId = `quota-${workflowInfo().firstExecutionRunId.slice(-12)}`;
    return { buildId, region, instanceId: '', reset: false, roleArn, accountId };
  }

  /** Somebody asks, for the first time or again. Whoever has a slot shows that it is still worth something. */
  enqueue(request: RoomRequest): void {
    const { owner, since } = request;
    const lease = this.leases.find((one) => one.owner === owner);
    const waiting = this.queue.find((one) => one.owner === owner);
    const known: Waiting | undefined = lease ?? waiting;
    const entry: Waiting = known
      ? { ...request, since: known.since < since ? known.since : since, grantedAt: known.grantedAt }
      : request;
    if (waiting?.position !== undefined) entry.position = waiting.position;
    if (known?.refusals === request.refusals && (lease ?? waiting?.holds)) entry.holds = true;
    this.remove([owner]);
    this.queue.push(entry);
    this.queue.sort((a, b) => a.since.localeCompare(b.since));
  }

  remove(owners: string[]): void {
    if (owners.length === 0) return;
    const stays = ({ owner }: RoomRequest) => !owners.includes(owner);
    this.progress.leases = this.leases.filter(stays);
    this.progress.queue = this.queue.filter(stays);
  }

  saw(seen: RoomSeen): void {
    const { used, total, withImage, over } = seen;
    this.remove(over);
    this.count = { used, total, withImage };
    this.progress.images = { used, total };
    this.progress.seenAt = now();
  }

  /** Slots that are promised to others whose images do not exist yet. */
  private get promised(): number {
    return this.leases.filter(({ owner }) => !this.count.withImage.includes(owner)).length;
  }

  /** How many images must go so that there is room for one more. */
  missing(): number {
    const { used, total } = this.count;
    return used + this.promised - total + 1;
  }

  /**
   * Hands out what is free in the order of the queue; but who has a slot and only asks again keeps it, also one that was made for it
   * alone. Whose image exists already needs no other slot.
   */
  grantInTurn({ withImage }: RoomSeen): Lease[] {
    const granted: Lease[] = [];
    const holders = this.queue.filter(({ holds }) => holds);
    const first = holders.length > 0 && patched(holdersKeep) ? holders : [];
    for (const one of [...first, ...this.queue.filter((other) => !first.includes(other))]) {
      if (withImage.includes(one.owner) || this.missing() <= 0) granted.push(this.grant(one));
    }
    return granted;
  }

  grant(one: Waiting): Lease {
    const lease: Lease & Partial<Waiting> = { ...one, grantedAt: one.grantedAt ?? now() };
    delete lease.position;
    delete lease.why;
    delete lease.holds;
    this.progress.queue = this.queue.filter((other) => other !== one);
    this.leases.push(lease);
    return lease;
  }

  retired({ imageId, name }: { imageId: string; name: string }): void {
    const { progress, count } = this;
    progress.retired = [...progress.retired, `${now()} ${imageId} (${name})`].slice(-retiredShown);
    count.used -= 1;
    progress.images = { used: count.used, total: count.total };
  }

  /** Counts the queue anew; answers those whose place has changed. */
  positions(): Waiting[] {
    let position = 0;
    return this.queue.filter((one) => {
      // What does not wait is about to be told so.
      if (one.whenFull === 'fail') return false;
      position += 1;
      if (one.position === position) return false;
      one.position = position;
      return true;
    });
  }

  answerFor({ owner }: RoomRequest): RoomAnswer {
    const { images = { used: 0, total: 0 } } = this.progress;
    if (this.leases.some((one) => one.owner === owner)) return { is: 'granted', images };
    const one = this.queue.find((other) => other.owner === owner);
    // Over, as Temporal says: whoever asks all the same is not.
    if (!one) return { is: 'failed', code: 'NotQueued', message: 'the build counts as over: its slot is gone' };
    if (one.whenFull !== 'fail') return { is: 'queued', images, position: one.position ?? 1, why: one.why };
    const waiting = this.queue.filter(({ whenFull }) => whenFull !== 'fail').length;
    return { is: 'full', images, promised: this.promised, waiting };
  }

  /** Those that do not wait have been told. */
  dropRefused(): void {
    this.remove(this.queue.filter(({ whenFull }) => whenFull === 'fail').map(({ owner }) => owner));
  }

  /** Nobody could look: who had a slot keeps it, who waited goes on waiting, who is new is sent away. */
  forgetNew(): void {
    for (const one of [...this.queue]) {
      if (one.grantedAt !== undefined) this.grant(one);
      else if (one.position === undefined) this.remove([one.owner]);
    }
  }

  /** For people, and in the memo for the next run, should somebody end this one by hand. */
  show(): void {
    setCurrentDetails(quotaDetails(this.progress));
    const { leases, queue } = this;
    const state = JSON.stringify({ leases, queue });
    if (state === this.shown) return;
    this.shown = state;
    upsertMemo({ [quotaMemo]: { leases, queue } });
  }
}
