import { ApplicationFailure, isCancellation, patched, setHandler } from '@temporalio/workflow';
import { type BuildRef, type Distribution, formatSeconds, type QueuedCopy, turnSignal } from '../../contract';
import { now } from '../clock';
import { stepFailure } from '../failures';
import { withdraw } from '../quota/withdraw';
import type { ReleaseRun } from './release';

/** Patch: a slot of each region's image quota comes before the copy. */
const copiesAskForRoom = 'copies-ask-for-room';
/** How long the first ask for room may take in seconds: it only takes a place, and all regions wait for it. */
const firstAskSeconds = 60;

/** Room for the copies of a release: a slot of the image quota of each region, which stays with it to the end of the release. */
export class CopyRoom {
  /** Regions where there is room for the copy. */
  private readonly regions = new Set<string>();
  private asks = false;
  /** As what the quotas know this release. */
  private owner: string | undefined;
  /** Places in the queues that were told by signal, which may come before the answer. */
  private readonly told = new Map<string, number>();
  /** Those that wait for their turn now, each until `end`. */
  private readonly waiting = new Map<Distribution, { end: number }>();

  /**
   * @param imageName of every copy
   * @param refIn what a region's copy belongs to
   * @param show shows that a place has changed
   */
  constructor(
    private readonly run: ReleaseRun,
    private readonly imageName: string,
    private readonly refIn: (region: string) => BuildRef,
    private readonly show: () => void,
  ) {
    setHandler(
      turnSignal,
      ({ buildId, region, position }) => {
        // What waits finds out by itself that its turn has come.
        if (buildId !== run.manifest.buildId || region === undefined || position === 0) return;
        this.told.set(region, position);
        const place = run.manifest.distribution?.find((one) => one.region === region);
        if (place?.queued) this.queue(place, { ...place.queued, position });
      },
      { description: 'The place of a copy in the queue for image quota has changed, or (0) its turn has come' },
    );
  }

  /** Whether a copy waits for its turn now. */
  get isOn(): boolean {
    return this.waiting.size > 0;
  }

  /** Waits longer, by so many seconds, wherever copies wait now; answers until when at the latest. */
  extend(seconds: number): string {
    for (const [place, waiting] of this.waiting) {
      waiting.end += seconds * 1000;
      if (place.queued) this.queue(place, { ...place.queued, until: new Date(waiting.end).toISOString() });
    }
    return new Date(Math.max(...[...this.waiting.values()].map(({ end }) => end))).toISOString();
  }

  /** Takes a slot, or a place in the queue, in each region; what is refused is told when that region is served. */
  async reserve(places: Distribution[]): Promise<void> {
    // Anew for each try: a held run may go on with newer code.
    this.asks = patched(copiesAskForRoom);
    if (!this.asks) return;
    const ends = await Promise.allSettled(places.map((place) => this.takePlace(place)));
    for (const end of ends) if (end.status === 'rejected' && isCancellation(end.reason)) throw end.reason as Error;
  }

  /** Whether a copy may be asked for there now. */
  isIn(region: string): boolean {
    return !this.asks || this.regions.has(region);
  }

  /**
   * Waits until there is room, if the pipeline says so.
   *
   * @throws ImageQuotaLimitExceeded when there is none, or the region was waited for in vain
   */
  async enter(place: Distribution): Promise<void> {
    const { region } = place;
    if (!this.asks || this.regions.has(region)) return;
    const { room } = this.run.pipeline;
    const mayWait = room.whenFull !== 'fail';
    const begun = Date.now();
    const waiting = { end: begun + room.deadline * 1000 };
    if (mayWait) this.waiting.set(place, waiting);
    try {
      await this.untilIn(place, waiting, mayWait);
    } catch (error) {
      this.queue(place, undefined);
      if (!mayWait) throw error;
      withdraw(this.run.manifest.accountId, region, this.owner);
      if (stepFailure(error).code !== 'DeadlineExceeded') throw error;
      throw inVain(region, (waiting.end - begun) / 1000);
    } finally {
      this.waiting.delete(place);
    }
  }

  /** Somebody else took the place: another try asks for room again. */
  lose(region: string): void {
    this.regions.delete(region);
  }

  /** The first ask, which does not wait. */
  private async takePlace(place: Distribution): Promise<void> {
    const { region } = place;
    if (this.regions.has(region)) return;
    const { room, deadlines } = this.run.pipeline;
    this.told.delete(region);
    const times = {
      since: place.queued?.since ?? now(),
      until: new Date(Date.now() + room.deadline * 1000).toISOString(),
    };
    const limit = Math.min(deadlines.findSource, firstAskSeconds);
    try {
      await this.ask(place, times, { summary: `room in ${region}`, limit, wait: false });
    } catch (error) {
      this.queue(place, undefined);
      throw error;
    }
  }

  /** Asks, and once more when more time was given meanwhile: an activity's own deadline cannot be moved. The place is kept. */
  private async untilIn(place: Distribution, waiting: { end: number }, mayWait: boolean): Promise<void> {
    const summary = `waits for room in ${place.region}`;
    for (;;) {
      const { end } = waiting;
      const times = { since: place.queued?.since ?? now(), until: new Date(end).toISOString() };
      if (mayWait) this.queue(place, { ...place.queued, ...times });
      try {
        await this.ask(place, times, { summary, limit: Math.max(1, (end - Date.now()) / 1000), wait: true });
        return;
      } catch (error) {
        if (waiting.end === end || stepFailure(error).code !== 'DeadlineExceeded') throw error;
      }
    }
  }

  private async ask(
    place: Distribution,
    times: Pick<QueuedCopy, 'since' | 'until'>,
    { summary, limit, wait }: { summary: string; limit: number; wait: boolean },
  ): Promise<void> {
    const { region } = place;
    const { room, family } = this.run.pipeline;
    const { granted, owner, position, images, why } = await this.run.activities(summary, limit).reserveRoom({
      build: this.refIn(region),
      holder: this.run.manifest.buildId,
      imageName: this.imageName,
      family,
      whenFull: room.whenFull,
      wait,
    });
    this.owner = owner;
    if (granted) this.regions.add(region);
    this.queue(place, granted ? undefined : { ...times, position: this.told.get(region) ?? position, images, why });
  }

  private queue(place: Distribution, queued: QueuedCopy | undefined): void {
    if (queued) place.queued = queued;
    else delete place.queued;
    this.show();
  }
}

function inVain(region: string, deadline: number): Error {
  return ApplicationFailure.create({
    type: 'ImageQuotaLimitExceeded',
    message: `${region} had no room for a copy within ${formatSeconds(deadline)}`,
    nonRetryable: true,
    details: [
      {
        advice:
          'Delete custom images there that are no longer needed, or have the quota raised, and retry; room.deadline gives later runs more time, and cvm-image extend one that waits.',
        untouched: true,
      },
    ],
  });
}
