import type { WhenFull } from './room';
import type { ImageFacts, BuildRef, DiskSnapshot, UndoOutcome } from './steps';

/** What is the matter in one place: the cloud's own code, and what to do about it. */
export interface Problem {
  code: string;
  message: string;
  advice?: string | undefined;
  requestId?: string | undefined;
}

/** That a copy waits for room; its place and the numbers are absent until the quota has answered. */
export interface QueuedCopy {
  /** Its place in the queue; counts from 1. */
  position?: number | undefined;
  /** Custom images of the region and how many there may be, when it asked last. */
  images?: { used: number; total: number } | undefined;
  /** ISO 8601, UTC. */
  since: string;
  /** When it gives up. */
  until: string;
  /** Why none of its family's images may go for it (`retire-oldest`). */
  why?: string | undefined;
}

/** For people: in which place and until when a copy waits. */
export function describeQueuedCopy({ position, until, images, why }: QueuedCopy): string {
  const place = position === undefined ? '' : `, place ${position} in the queue`;
  const numbers = images === undefined ? '' : ` (${images.used} of ${images.total} custom images when it asked)`;
  const because = why === undefined ? '' : `; nothing of its family may go: ${why}`;
  return `waits for room until ${until}${place}${numbers}${because}`;
}

/** How far a release has come in one region that it is distributed to; one that failed does not hold up the others. */
export interface Distribution {
  region: string;
  /** `done`: current there, and shared. */
  state: 'pending' | 'at work' | 'done' | 'failed';
  /** The image there, once it is known. */
  imageId?: string | undefined;
  /** Only while the copy waits for room in the image quota there. */
  queued?: QueuedCopy | undefined;
  /** Accounts that it is shared with there. */
  sharedWith: string[];
  /** Accounts that it could not be shared with. */
  notShared: (Problem & { account: string })[];
  /** Whether a copy may have been made of which nobody was told. */
  unheard?: boolean | undefined;
  /** Why it failed. */
  problem?: Problem | undefined;
}

/** What marks the copies of a release's image: the tags of its family, as on the image itself. */
export interface ReleaseMarks {
  family: string;
  release: string;
  /** ISO 8601, UTC. */
  nominalAt: string;
}

/** The activities that bring a release to other regions and accounts. All are safe to run twice. */
export interface DistributionActivities {
  /** Asks for a slot of the image quota of the region of `build`; it ends with the release that is the `holder`. */
  reserveRoom(input: {
    build: BuildRef;
    holder: string;
    /** Of the copy: it has no tag at first. */
    imageName?: string | undefined;
    family: string;
    whenFull: WhenFull;
    /** Until its turn has come; else it only takes its place in the queue. */
    wait: boolean;
  }): Promise<
    { granted: boolean; /** As what the quota knows it. */ owner: string } & Pick<
      QueuedCopy,
      'position' | 'images' | 'why'
    >
  >;
  /**
   * Asks for copies of an image in other regions, in one call, and marks them as ours if the cloud lets it. Asked for several
   * at once it answers those that the cloud took; asked for a single one it takes it or fails.
   */
  copyImage(input: {
    build: BuildRef;
    imageId: string;
    name: string;
    /** ISO 8601, UTC: when copies were first asked for. */
    since: string;
    regions: string[];
    /** What the copies are marked with; absent in runs that began before copies were marked so early. */
    tags?: Record<string, string>;
    marks?: ReleaseMarks;
  }): Promise<{
    copies: { region: string; imageId: string }[];
    /** Where a copy may have been made of which nobody was told. */
    unheard: string[];
  }>;
  /** Marks a copy as ours and waits until it is NORMAL. The region of `build` is that of the copy. */
  followCopy(input: {
    build: BuildRef;
    imageId: string;
    tags: Record<string, string>;
    marks: ReleaseMarks;
  }): Promise<ImageFacts>;
  /** Deletes a copy that did not become current, with its own snapshots; `from`: the region of the image. */
  undoCopyImage(input: {
    build: BuildRef;
    from: string;
    sourceId: string;
    name: string;
    since: string;
    known: string[];
    unknownOutcome: boolean;
  }): Promise<UndoOutcome>;
  /** Copies snapshots from another region into that of `build`, and waits until they are NORMAL. */
  copySnapshots(input: {
    build: BuildRef;
    from: string;
    snapshots: DiskSnapshot[];
    tags: Record<string, string>;
  }): Promise<{ snapshots: DiskSnapshot[] }>;
  /** Deletes the copies of these snapshots in the region of `build`, also those that nobody was told of. */
  undoCopySnapshots(input: {
    build: BuildRef;
    snapshots: DiskSnapshot[];
    unknownOutcome: boolean;
  }): Promise<UndoOutcome>;
  /** Shares an image of a family with accounts, as far as the cloud lets it. */
  shareImage(input: {
    build: BuildRef;
    family: string;
    imageId: string;
    accounts: string[];
    /** It is shared for the first time: fails with `Withdrawn` when the family was rolled back meanwhile. */
    unlessWithdrawn?: boolean | undefined;
  }): Promise<{
    sharedWith: string[];
    notShared: (Problem & { account: string })[];
  }>;
}

/** Name of the copy of a snapshot: at most 60 characters, unique by build and snapshot. */
export const snapshotCopyName = (buildId: string, snapshotId: string) => `cib-${buildId}-${snapshotId}`;
