import { ApplicationFailure, CancellationScope, isCancellation, patched } from '@temporalio/workflow';
import {
  type BuildRef,
  describeQueuedCopy,
  type DiskSnapshot,
  type Distribution,
  type Pipeline,
  type Promoted,
  promoteUpdate,
  type ReleaseImage,
  type Resource,
} from '../../contract';
import { now } from '../clock';
import { stepFailure } from '../failures';
import { CopyRoom } from './copy-room';
import type { ReleaseRun } from './release';
import { comesTooLate, stillReleased } from './withdrawn';

type Rules = NonNullable<Pipeline['distribute']>;

const distributeFailed = 'DistributeFailed';
/** Patch: a copy whose promotion was asked for is taken back after the family has given that up. */
const copiesAreRejected = 'copies-are-rejected';
/** What says that a copy will never be of use: another try begins with another copy. */
const useless = ['ImageGone', 'ImageCopyFailed'];

/**
 * Brings the release to the other regions and accounts: copied, marked, promoted and shared in each region, all regions at
 * once, each with a state of its own. When some fail, the run is held and only they are tried again; what nobody mends is
 * taken back, and the release is out without them. One that is rolled back at home meanwhile goes no further.
 *
 * @returns whether it is everywhere where it should be
 */
export async function distribute(run: ReleaseRun, rules: Rules): Promise<boolean> {
  const distributor = new Distributor(run, rules);
  try {
    const { taken } = await run.stage('distribute', () => distributor.go());
    if (taken === undefined) return true;
    await CancellationScope.nonCancellable(() => distributor.takeBack());
    run.manifest.reason = `distribute: ${taken}${distributor.toRollBack}`;
    return false;
  } catch (error) {
    await CancellationScope.nonCancellable(() => distributor.takeBack());
    const cancelled = isCancellation(error) || CancellationScope.current().consideredCancelled;
    const { code, message } = stepFailure(error);
    if (cancelled || code !== distributeFailed) throw error;
    run.manifest.reason = `distribute: ${message}`;
    return false;
  }
}

class Distributor {
  private readonly source: ReleaseImage;
  private readonly places: Distribution[];
  private readonly since = now();
  private readonly room: CopyRoom;
  /** Regions where the family was asked to promote the copy. */
  private readonly promotionsAsked = new Set<string>();

  constructor(
    private readonly run: ReleaseRun,
    private readonly rules: Rules,
  ) {
    const { images, region } = run.manifest;
    this.source = images.find((image) => image.region === region)!;
    const home: Distribution[] =
      rules.accounts.length === 0
        ? []
        : [{ region, imageId: this.source.imageId, state: 'pending', sharedWith: [], notShared: [] }];
    this.places = [
      ...home,
      ...rules.regions.map((one): Distribution => ({ region: one, state: 'pending', sharedWith: [], notShared: [] })),
    ];
    run.manifest.distribution = this.places;
    this.room = new CopyRoom(
      run,
      this.source.name,
      (region) => this.refIn(region),
      () => this.show(),
    );
    run.copyRoom = this.room;
  }

  /**
   * Does what is not done yet, in every region at once.
   *
   * @returns `taken`: why it goes no further, when it was taken back at home, or comes too late
   * @throws DistributeFailed when some regions have failed, each with its reason in the manifest
   */
  async go(): Promise<{ taken?: string }> {
    const open = this.places.filter(({ state }) => state !== 'done');
    for (const place of open) {
      place.state = 'at work';
      delete place.problem;
    }
    this.show();
    await this.room.reserve(this.missing(open));
    await this.copies(open);
    const ends = await Promise.allSettled(open.map((place) => this.serve(place)));
    // What a region failed of is in its state; only a cancellation is thrown.
    for (const end of ends) if (end.status === 'rejected') throw end.reason as Error;
    const failed = open.filter(({ state }) => state === 'failed');
    this.show();
    // No retry mends what comes too late: nobody is asked for one.
    const [first] = failed.filter(({ problem }) => !comesTooLate.includes(problem!.code));
    if (!first) return failed[0] ? { taken: failed[0].problem!.message } : {};
    const { code, message, advice, requestId } = first.problem!;
    const others = failed.length === 1 ? '' : ` (and ${failed.length - 1} more regions)`;
    throw ApplicationFailure.create({
      type: distributeFailed,
      message: `${first.region}: ${message}${others}`,
      nonRetryable: true,
      details: [
        {
          advice: `${advice === undefined ? '' : `${advice} `}The release is out in ${this.run.manifest.region}. A retry takes only the regions that failed.`,
          requestId,
          code,
        },
      ],
    });
  }

  /** What a person has to do where the release was current before it was taken back at home; empty when it was so nowhere. */
  get toRollBack(): string {
    const { source, run } = this;
    const verb = `cvm-image family rollback ${run.pipeline.family}`;
    return run.manifest.images
      .filter(({ region, state }) => region !== source.region && state === 'current')
      .map(({ region, imageId }) => `; ${imageId} is current in ${region} by now (${verb} --region ${region})`)
      .join('');
  }

  /** Deletes what was copied to regions where the release did not become current; what cannot be is listed as left over. */
  async takeBack(): Promise<void> {
    await Promise.all(this.places.filter((place) => this.isUnfinished(place)).map((place) => this.takeBackIn(place)));
    this.show();
  }

  private isUnfinished({ region, state }: Distribution): boolean {
    if (region === this.source.region || state === 'done' || state === 'pending') return false;
    return mayGo(this.imageIn(region));
  }

  private imageIn(region: string): ReleaseImage | undefined {
    return this.run.manifest.images.find((image) => image.region === region);
  }

  /** The places whose copy has not been made. */
  private missing(places: Distribution[]): Distribution[] {
    return places.filter(({ imageId, region }) => imageId === undefined && region !== this.source.region);
  }

  /** Asks for all copies that are missing in one call: an image that is being copied may take no other. */
  private async copies(open: Distribution[]): Promise<void> {
    const missing = this.missing(open).filter(({ region }) => this.room.isIn(region));
    if (missing.length < 2) return;
    try {
      await this.ask(missing);
    } catch (error) {
      if (isCancellation(error)) throw error;
      // Then each region asks for its own, and says what is in the way.
    }
  }

  private async ask(places: Distribution[]): Promise<void> {
    const { imageId, name, region: home } = this.source;
    const regions = places.map(({ region }) => region);
    const again = places.some(({ unheard }) => unheard);
    try {
      const { copies, unheard } = await this.activities(`${imageId} to ${regions.join(', ')}`).copyImage({
        build: this.refIn(home, again),
        imageId,
        name,
        since: this.since,
        regions,
        ...this.marks,
      });
      for (const place of places) {
        place.unheard = unheard.includes(place.region);
        this.know(place, copies.find(({ region }) => region === place.region)?.imageId);
      }
    } catch (error) {
      // What was interrupted, or failed after it had asked, may have made a copy all the same.
      const { untouched, code } = stepFailure(error);
      if (code === 'ImageQuotaLimitExceeded') for (const { region } of places) this.room.lose(region);
      for (const place of places) place.unheard = place.unheard === true || untouched !== true;
      throw error;
    }
  }

  /** What a copy is marked with. */
  private get marks() {
    const { family, nominalAt, buildId: release } = this.run.manifest;
    return { tags: this.run.pipeline.image.tags, marks: { family, release, nominalAt } };
  }

  private know(place: Distribution, imageId: string | undefined): void {
    if (imageId === undefined) return;
    place.imageId = imageId;
    const { name } = this.source;
    const { region } = place;
    this.run.manifest.images.push({ region, imageId, name, state: 'candidate', snapshotIds: [], snapshots: [] });
    this.show();
  }

  /** Does all that is due in one region. A failure is that of the region, and its reason is kept. */
  private async serve(place: Distribution): Promise<void> {
    try {
      if (place.region !== this.source.region) await this.copyTo(place);
      else if (this.run.generation > 1) await stillReleased(this.run, this.source);
      await this.share(place);
      place.state = 'done';
    } catch (error) {
      const { code, message, advice, requestId } = stepFailure(error);
      place.state = 'failed';
      place.problem = { code, message, advice, requestId };
      if (isCancellation(error)) throw error;
    }
    this.show();
  }

  private async copyTo(place: Distribution): Promise<void> {
    const { region } = place;
    let [copy, snapshots] = await this.tryToCopy(place);
    if (copy.error !== undefined && useless.includes(stepFailure(copy.error).code)) {
      await CancellationScope.nonCancellable(() => this.takeBackIn(place));
      [copy, snapshots] = await this.tryToCopy(place);
    }
    for (const { error } of [copy, snapshots]) if (error !== undefined) throw error as Error;
    const image = this.imageIn(region)!;
    // Promoted by an earlier try already.
    if (image.state === 'current') return;
    image.snapshots = snapshots.value!;
    const unlessCurrent = await stillReleased(this.run, this.source);
    const { deadlines } = this.run.pipeline;
    const about = {
      summary: `${image.imageId} becomes the current one in ${region}`,
      deadline: deadlines.promote,
      region,
    };
    const by = this.run.manifest.buildId;
    this.promotionsAsked.add(region);
    const { notes } = await this.run.askFamily<Promoted>(promoteUpdate, about, {
      place: this.run.placeIn(region),
      imageId: image.imageId,
      by,
      unlessCurrent,
    });
    image.state = 'current';
    this.run.manifest.promoted?.notes.push(...notes.map((note) => `${region}: ${note}`));
    this.show();
  }

  private async tryToCopy(place: Distribution): Promise<[Settled<undefined>, Settled<DiskSnapshot[]>]> {
    const { region } = place;
    if (place.imageId === undefined) {
      await this.room.enter(place);
      await this.ask([place]);
    }
    const image = this.imageIn(region)!;
    if (image.state === 'current') return [{ value: undefined }, { value: image.snapshots }];
    return settled([this.follow(image), this.copySnapshots(region)]);
  }

  private async follow(image: ReleaseImage): Promise<undefined> {
    const facts = await this.activities(`copy ${image.imageId} in ${image.region}`).followCopy({
      build: this.refIn(image.region),
      imageId: image.imageId,
      ...this.marks,
    });
    image.size = facts.size;
    image.snapshotIds = facts.snapshotIds;
    return undefined;
  }

  private async copySnapshots(region: string): Promise<DiskSnapshot[]> {
    const { snapshots } = this.source;
    if (!this.rules.snapshots || snapshots.length === 0) return [];
    const copied = await this.activities(`${snapshots.length} snapshots to ${region}`).copySnapshots({
      build: this.refIn(region),
      from: this.source.region,
      snapshots,
      tags: this.run.pipeline.image.tags,
    });
    return copied.snapshots;
  }

  /** Comes after the promotion: a shared image takes no changes. @throws ShareFailed */
  private async share(place: Distribution): Promise<void> {
    const { accounts } = this.rules;
    if (accounts.length === 0) return;
    const imageId = place.imageId!;
    const { sharedWith, notShared } = await this.activities(`${imageId} with ${accounts.length} accounts`).shareImage({
      build: this.refIn(place.region),
      family: this.run.pipeline.family,
      imageId,
      accounts,
      unlessWithdrawn: true,
    });
    Object.assign(place, { sharedWith, notShared });
    const [first] = notShared;
    if (!first) return;
    throw ApplicationFailure.create({
      type: 'ShareFailed',
      message: `${imageId} is not shared with ${notShared.map(({ account }) => account).join(', ')}: ${first.message}`,
      nonRetryable: true,
      details: [{ advice: first.advice, requestId: first.requestId }],
    });
  }

  private async takeBackIn(place: Distribution): Promise<void> {
    if (!(await this.isGivenUp(place))) return;
    const { region } = place;
    const { imageId: sourceId, name, snapshots } = this.source;
    const known = this.imageIn(region)?.imageId ?? place.imageId;
    const common = { build: this.refIn(region) };
    const { undo } = this.run.pipeline.deadlines;
    const about = (what: string) => this.run.activities(`${what} in ${region} is taken back`, undo);
    const [image, copies] = await settled([
      about('the copy').undoCopyImage({
        ...common,
        from: this.source.region,
        sourceId,
        name,
        since: this.since,
        unknownOutcome: place.unheard === true,
        known: known === undefined ? [] : [known],
      }),
      !this.rules.snapshots || snapshots.length === 0
        ? Promise.resolve({ resources: [] as Resource[] })
        : about('the copies of snapshots').undoCopySnapshots({ ...common, snapshots, unknownOutcome: true }),
    ]);
    for (const { value, error } of [image, copies]) {
      if (value !== undefined) this.list(value.resources);
      else this.list((stepFailure(error).left ?? []).map((one) => ({ ...one, fate: 'leftover' })));
    }
    if (image.error === undefined) this.forget(place);
  }

  /**
   * Whether nobody is to promote the copy any more. Where that was asked for it is for the family's workflow to say, which may be
   * at it right now: it gives the promotion up, or has come to its end with it.
   */
  private async isGivenUp({ region }: Distribution): Promise<boolean> {
    const image = this.imageIn(region);
    if (!image || !this.promotionsAsked.has(region) || !patched(copiesAreRejected)) return true;
    try {
      await this.run.reject(image);
      return mayGo(image);
    } catch (error) {
      // Without its tags it cannot be promoted; whatever else it is, the copy stays, and is rejected at the end of the run.
      return ['ImageGone', 'NotOfFamily'].includes(stepFailure(error).code);
    }
  }

  /** The image is not there any more. */
  private forget(place: Distribution): void {
    delete place.imageId;
    delete place.unheard;
    const { images } = this.run.manifest;
    const at = images.findIndex(({ region }) => region === place.region);
    if (at >= 0 && mayGo(images[at])) images.splice(at, 1);
  }

  private list(resources: Resource[]): void {
    this.run.manifest.resources.push(...resources);
  }

  private activities(summary: string) {
    return this.run.activities(summary, this.run.pipeline.deadlines.distribute);
  }

  /** What is copied belongs to the build that made the image, and goes with it. */
  private refIn(region: string, again = this.run.generation > 1): BuildRef {
    const { ref, manifest } = this.run;
    const { imageId: instanceId } = this.source;
    return { ...ref, buildId: manifest.build!.buildId, region, instanceId, reset: ref.reset || again };
  }

  private show(): void {
    const states = this.places.map(
      ({ region, state, problem, queued }) =>
        `${region}: ${problem?.message ?? (queued === undefined ? state : describeQueuedCopy(queued))}`,
    );
    const images = this.places.flatMap(({ imageId }) => imageId ?? []);
    this.run.journal.note('distribute', states.join('; '), images);
  }
}

/** Whether an image is none that was current once. */
const mayGo = (image: ReleaseImage | undefined) =>
  image === undefined || ['candidate', 'rejected'].includes(image.state);

/** How something ended that others do not depend on. */
interface Settled<T> {
  value?: T;
  error?: unknown;
}

/** Waits for all of them, whatever becomes of each. */
async function settled<A, B>([a, b]: [Promise<A>, Promise<B>]): Promise<[Settled<A>, Settled<B>]> {
  const [first, second] = await Promise.allSettled([a, b]);
  const plain = <T>(end: PromiseSettledResult<T>): Settled<T> =>
    end.status === 'fulfilled' ? { value: end.value } : { error: end.reason as unknown };
  return [plain(first), plain(second)];
}
