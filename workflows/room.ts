import { ApplicationFailure, condition, setHandler, upsertMemo } from '@temporalio/workflow';
import {
  type BuildSpec,
  formatSeconds,
  type QueuedProgress,
  queueMemo,
  type QuotaFacts,
  turnSignal,
} from '../contract';
import type { Journal } from './journal';
import { withdraw } from './quota/withdraw';

/** A build that has heard nothing for so long asks again: the workflow of the quota may have been ended by hand. */
const askAgainSeconds = 900;

interface About {
  readonly spec: BuildSpec;
  readonly ref: { buildId: string; region: string; accountId?: string | undefined };
}

/** A build's place in the queue for room in the region's image quota. */
export class Room {
  /** How often the cloud has refused the image though there was room a while before. */
  refusals = 0;
  private queued: QueuedProgress | undefined;
  /** The place that was told by signal, which may come before the answer; 0: it is the build's turn. */
  private position: number | undefined;
  private owner: string | undefined;
  /** From when until when it waits. */
  private since = 0;
  private until = 0;

  constructor(
    private readonly build: About,
    private readonly journal: Journal,
    private readonly deadline: { stop: () => void; start: () => void },
  ) {
    setHandler(
      turnSignal,
      ({ buildId, refusals, position }) => {
        if (buildId !== build.ref.buildId || refusals !== this.refusals) return;
        this.position = position;
        if (this.queued && position > 0) this.show({ ...this.queued, position });
      },
      { description: "The build's place in the queue for image quota has changed, or (0) its turn has come" },
    );
  }

  /** Whether the build waits for its turn now. */
  get isOn(): boolean {
    return this.queued !== undefined;
  }

  /** Waits longer, by so many seconds. */
  extend(seconds: number): void {
    this.until += seconds * 1000;
    this.show({ ...this.queued!, until: new Date(this.until).toISOString() });
  }

  /**
   * Gets a slot of the quota. When there is none and the spec does not say `fail`, waits for it with the deadline of the
   * build standing still.
   *
   * @param ask asks for the slot, or where the build stands in the queue
   * @param beforeWaiting what has to be done before the build waits; undefined when there is nothing
   * @throws {ApplicationFailure} ImageQuotaLimitExceeded, when the build has waited in vain
   */
  async enter(ask: () => Promise<QuotaFacts>, beforeWaiting: () => Promise<void> | undefined): Promise<void> {
    this.position = undefined;
    let facts = await ask();
    if (!facts.queued) return;
    const { spec, ref } = this.build;
    this.since = Date.now();
    this.until = this.since + spec.room.deadline * 1000;
    const since = new Date(this.since).toISOString();
    this.owner = facts.queued.owner;
    this.deadline.stop();
    try {
      while (facts.queued) {
        const { images, queued } = facts;
        const { position, why } = queued;
        const until = new Date(this.until).toISOString();
        this.show({ since, until, images, position: this.told(position), ...(why === undefined ? {} : { why }) });
        const first = beforeWaiting();
        if (first) await first;
        const left = Math.max(1, this.until - Date.now());
        const summary = `waits for image quota of ${ref.region}, at most ${formatSeconds(left / 1000)}`;
        if (await condition(() => this.position === 0, Math.min(left, askAgainSeconds * 1000), { summary })) break;
        if (Date.now() >= this.until) throw this.inVain(facts);
        this.position = undefined;
        facts = await ask();
      }
    } catch (error) {
      withdraw(ref.accountId, ref.region, this.owner);
      throw error;
    } finally {
      this.show(undefined);
    }
    this.deadline.start();
  }

  /** Its place: as it was told by signal since it asked, or else by the answer. */
  private told(answered: number): number {
    return this.position ?? answered;
  }

  private show(queued: QueuedProgress | undefined): void {
    const moved = queued?.position !== this.queued?.position;
    this.queued = queued;
    this.journal.queue(queued);
    if (moved) upsertMemo({ [queueMemo]: queued ? { position: queued.position } : null });
  }

  private inVain({ images: { used, total } }: QuotaFacts): Error {
    const { position, why } = this.queued!;
    const { region } = this.build.ref;
    const waited = formatSeconds((this.until - this.since) / 1000);
    const because = why === undefined ? '' : `; ${why}`;
    return ApplicationFailure.create({
      type: 'ImageQuotaLimitExceeded',
      message: `${region} had no room for one more custom image within ${waited} (${used} of ${total} when last asked, place ${position} in the queue${because})`,
      nonRetryable: true,
      details: [
        {
          advice:
            'Delete custom images that are no longer needed, have the quota raised, or wait longer: room.deadline, or cvm-image extend with --of room while it waits.',
          untouched: true,
        },
      ],
    });
  }
}
