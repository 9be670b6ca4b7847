import type { Fingerprint, SourceChange } from './change';
import type { FamilyImage, FamilyListing, Retirement } from './family';
import type { GuestCheck, Pipeline } from './pipeline';
import type { Fate } from './retirement';
import type { ReleaseState } from './release';
import type { BuildResult } from './result';
import type { BuildRef } from './steps';

/** The source that a run of a pipeline makes its image of. */
export interface FoundSource {
  instanceId: string;
  name: string;
  accountId: string;
}

/** Accounts that images are shared with, by image. */
export type Shares = Record<string, string[]>;

/** What a promotion will change, found before anything is. */
export interface PromotionPlan {
  /** The image that is current now. */
  current?: string | undefined;
  /** What the image to promote is until then. */
  was?: Pick<FamilyImage, 'state' | 'since'> | undefined;
  /** What is marked as current, or answers for the family, and is not the image to promote. */
  others: FamilyImage[];
  /** A shared image takes no changes: these are taken back for that long, and given again. */
  shares: Shares;
}

/** The activities of a pipeline and of the workflow of an image family. All are safe to run twice. */
export interface ReleaseActivities {
  /** Finds the source, and looks whether the worker has the webhook. Changes nothing. */
  findSource(input: { build: BuildRef; source: Pipeline['source']; notify?: string | undefined }): Promise<FoundSource>;
  /** Whether the API tells of a change of the source, or the pipeline is another, since the last release. Changes nothing. */
  inspectChange(input: { build: BuildRef; family: string; specHash: string }): Promise<SourceChange>;
  /** Keeps the fingerprint of what a release was made of, on its image. */
  rememberSource(input: {
    build: BuildRef;
    family: string;
    imageId: string;
    fingerprint: Fingerprint;
  }): Promise<undefined>;
  /** The first name of the day that no image of the region bears and no other run of the family was given. Changes nothing in the cloud. */
  nameRelease(input: {
    build: BuildRef;
    family: string;
    template: string;
    timeZone: string;
    nominalAt: string;
  }): Promise<{ imageName: string }>;
  /**
   * Waits for the end of a build that is at work already: of the same spec, for its result; of one that is being undone, until
   * it is over. Another spec is refused.
   */
  joinBuild(input: { build: BuildRef; workflowId: string; specHash: string }): Promise<{
    /** Absent when there is no such build any more: it can be started. */
    result?: BuildResult | undefined;
  }>;
  /** Watches that the instance of a test stays RUNNING for so many seconds. One at a spot price may be taken away: that says nothing. */
  watchGuest(input: { build: BuildRef; instanceId: string; seconds: number; spot?: boolean }): Promise<undefined>;
  /** Asks the instance of a test, from the worker. */
  checkGuest(input: {
    build: BuildRef;
    instanceId: string;
    address: NonNullable<Pipeline['test']>['address'];
    checks: GuestCheck[];
    spot?: boolean;
  }): Promise<{ found: string[] }>;
  /** Sends an update to the workflow of a family, which is started if there is none, and waits for its answer. */
  askFamily(input: {
    build: BuildRef;
    family: string;
    /** Of contract/family.ts. */
    update: string;
    /** Asked twice with the same ID, it is done once. */
    updateId: string;
    argument: unknown;
  }): Promise<unknown>;

  /** The images of a family in one region, or of all families, by their tags. Changes nothing. */
  listFamily(input: { build: BuildRef; family?: string | undefined }): Promise<FamilyListing>;
  /** Looks at everything that speaks against promoting an image, and at what has to make room for it. Changes nothing. */
  inspectPromotion(input: {
    build: BuildRef;
    family: string;
    imageId: string;
    /** It is current already, and takes no change itself: whether it is NORMAL does not matter. */
    othersOnly?: boolean;
    /** Refused when it was withdrawn: only a rollback to it makes it current again. */
    unlessWithdrawn?: boolean;
    /** Refused when the current image is of one of these releases. */
    unlessCurrent?: string[] | undefined;
  }): Promise<PromotionPlan>;
  /** Marks an image as current, and lets the cloud's ImageFamily answer with it. */
  promoteImage(input: {
    build: BuildRef;
    family: string;
    imageId: string;
    at: string;
    shares: Shares;
  }): Promise<undefined>;
  /** Lets images no longer answer for the family, and marks those that were current as what they are now. */
  demoteImages(input: {
    build: BuildRef;
    family: string;
    /** The one that answers now. */
    current: string;
    images: FamilyImage[];
    state: ReleaseState;
    shares: Shares;
  }): Promise<{
    /** What somebody should know, such as another image that the cloud answers for the family. */
    notes: string[];
    /** Those that are being copied: they are marked, and go on answering until they take changes again. */
    later?: string[] | undefined;
  }>;
  /** Waits until none of these images is being copied any more. Changes nothing. */
  awaitCopied(input: { build: BuildRef; imageIds: string[] }): Promise<undefined>;
  /**
   * Marks an image of a family. Only a candidate is rejected: what was current once is refused as `NotCandidate`. What is a
   * candidate or rejected does not answer for the family; `later`: as soon as it has been copied.
   */
  markImage(input: {
    build: BuildRef;
    family: string;
    imageId: string;
    state: ReleaseState;
    since: string;
    /** Whatever the image seems to be marked as: a mark that was made a moment ago shows late. */
    again?: boolean | undefined;
  }): Promise<{ later?: string[] | undefined } | undefined>;
  /** What is to go of a family in one region; with `only`, of that image. Changes nothing. */
  inspectRetirement(input: {
    build: BuildRef;
    family: string;
    retirement: Omit<Retirement, 'place' | 'dryRun'>;
    only?: string | undefined;
  }): Promise<{ fates: Fate[] }>;
  /** Takes all shares of an image of the family back. */
  unshareImage(input: { build: BuildRef; family: string; imageId: string }): Promise<{ accounts: string[] }>;
}
