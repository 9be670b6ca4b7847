import type { QueryDefinition } from '@temporalio/common';
import { update } from './controls';
import { duration, heartbeatTimeout } from './duration';
import type { DeletionPlan } from './images';
import { once } from './once';
import type { ReleaseState, RetiredImage } from './release';
import { regionSchema, roleArnSchema } from './spec';
import { z } from './zod';

/** Name of the workflow type that serialises what happens to an image family in each region. */
export const familyWorkflowType = 'imageFamily';

/** One a family and account, whatever the region: promote, rollback and retire never run at the same time in one region. */
export const familyWorkflowId = (accountId: string, family: string) => `image-family/${accountId}/${family}`;

/** What the workflow of a family is started with, by whoever asks it first; it goes on with the same. */
export interface FamilyInput {
  accountId: string;
  family: string;
  /** Rejected images and when they go; carried along when it continues as new. */
  doomed?: Doomed[] | undefined;
  /** Images that still answer for the family; carried along likewise. */
  trailing?: Trailing[] | undefined;
  /** Snapshots whose images are gone; carried along likewise. */
  orphaned?: Orphaned[] | undefined;
  /** Images that whoever came before had unshared for a change. */
  unshared?: UnsharedImage[] | undefined;
  /** Names that were given to releases; carried along likewise. */
  names?: GivenName[] | undefined;
}

/** Key of the memo field with what only its workflow knows: it is there without a worker, too. */
export const familyMemo = 'family';
export type FamilyState = Pick<FamilyInput, 'doomed' | 'trailing' | 'orphaned' | 'unshared' | 'names'>;

/** The name of an image that a release is to make: no other release of the family is given it. */
export interface GivenName {
  name: string;
  /** Its run. */
  release: string;
  /** ISO 8601, UTC. */
  at: string;
}

/** Images that are not current, and answer for the family until they have been copied: so long they take no changes. */
export interface Trailing {
  place: FamilyPlace;
  imageIds: string[];
  /** What they are to be marked as where they are still marked as current: that could not be done with the change itself. */
  state?: ReleaseState | undefined;
  /** How often it could not be seen to. */
  tries?: number | undefined;
  /** Why not, the last time. */
  problem?: string | undefined;
}

/** An image that is not shared while it is changed, with the accounts that it is to be shared with again. */
export interface UnsharedImage {
  place: FamilyPlace;
  imageId: string;
  accounts: string[];
  /** How often whoever took it over could not share it again. */
  tries?: number | undefined;
  /** Why not, the last time. */
  problem?: string | undefined;
}

/** Snapshots that are to go with an image which is gone, or may be by now: no tag of theirs tells it. */
export interface Orphaned {
  place: FamilyPlace;
  imageId: string;
  snapshotIds: string[];
  /** How often they could not be deleted. Absent: not tried yet, and the image is gone for certain. */
  tries?: number | undefined;
  /** Why not, the last time. */
  problem?: string | undefined;
}

/** A rejected image that is to go at a certain time. */
export interface Doomed {
  place: FamilyPlace;
  imageId: string;
  name: string;
  /** ISO 8601, UTC. */
  at: string;
  /** How often it could not be deleted. */
  tries?: number | undefined;
}

/** Where, with which credentials and under which heartbeat timeout (seconds) the family's images are changed. */
export interface FamilyPlace {
  region: string;
  roleArn?: string | undefined;
  heartbeat: number;
}

/** An image of a family, as its tags have it. */
export interface FamilyImage {
  family: string;
  imageId: string;
  name: string;
  /** The cloud's own word. */
  imageState: string;
  /** ISO 8601, UTC. */
  createdAt?: string | undefined;
  /** The build that made it. */
  buildId: string;
  /** The run of the pipeline that made it. */
  release: string;
  /** ISO 8601, UTC: when that run was due; its age counts from here. */
  nominalAt: string;
  state: ReleaseState;
  /** ISO 8601, UTC: since when it is in that state; of what was current once: when it was promoted last. */
  since: string;
  /** Whether the cloud's own ImageFamily names the family, so that DescribeImageFromFamily may answer with it. */
  answers: boolean;
  /** Fingerprint of the source and the pipeline that it was made of, when its release was done; see contract/change.ts. */
  fingerprint?: string | undefined;
}

/** The image that somebody names, by its ID or its exact name. */
export const imageCalled = (images: FamilyImage[], called: string): FamilyImage | undefined =>
  images.find(({ imageId, name }) => imageId === called || name === called);

/** The image that is current: `current` with the latest time, since a new one is marked before the old one is unmarked. */
export function currentOf(images: FamilyImage[]): FamilyImage | undefined {
  return latest(images.filter(({ state }) => state === 'current'));
}

/**
 * The one before it, which a rollback goes to: of those that were current and not withdrawn, the last one promoted.
 *
 * A second `current` is one that was not unmarked yet, or never, when something got in the way: the one before when it is older
 * than the current one, and the one that was to be withdrawn when it is younger.
 */
export function previousOf(images: FamilyImage[]): FamilyImage | undefined {
  const current = currentOf(images);
  const counts = (one: FamilyImage) =>
    one.state === 'released' || (one.state === 'current' && madeBefore(one, current));
  return latest(images.filter((one) => one !== current && counts(one)));
}

function madeBefore(one: FamilyImage, other: FamilyImage | undefined): boolean {
  const times = ({ createdAt, nominalAt }: FamilyImage): [number, number] => [
    Date.parse(createdAt ?? nominalAt),
    Date.parse(nominalAt),
  ];
  const [[made, due], [otherMade, otherDue]] = [times(one), times(other ?? one)];
  return made === otherMade ? due <= otherDue : made < otherMade;
}

const latest = (images: FamilyImage[]) =>
  [...images].sort((a, b) => b.since.localeCompare(a.since) || (a.imageId < b.imageId ? -1 : 1))[0];

export interface Promotion {
  place: FamilyPlace;
  imageId: string;
  /** Who or what asks. */
  by: string;
  /** Of a copy: releases that are newer. When one of them is current in the region, the copy does not take its place. */
  unlessCurrent?: string[] | undefined;
}

/** What a promotion or a rollback came to. */
export interface Promoted {
  imageId: string;
  /** The one that was current before. */
  previous?: string | undefined;
  /** ISO 8601, UTC. */
  at: string;
  /** What somebody should know, such as another image that the cloud answers for the family. */
  notes: string[];
  /** Images that are being copied, and answer for the family until then. */
  later?: string[] | undefined;
}

export interface Rollback {
  place: FamilyPlace;
  /** Default: the one that was current before. */
  to?: string | undefined;
  /**
   * The image that whoever asks takes for the current one. Another may have become so before it is this rollback's turn, and then nothing is
   * done; when this one has been withdrawn meanwhile, what was asked for is done already. Absent: whichever is current.
   */
  from?: string | undefined;
  by: string;
  reason?: string | undefined;
}

/** A candidate that did not make it. */
export interface Rejection {
  place: FamilyPlace;
  imageId: string;
  name: string;
  /** ISO 8601, UTC: when the run was due. */
  at: string;
  /** Seconds until it is deleted. */
  keepFor: number;
}

export interface Retirement {
  place: FamilyPlace;
  keep?: number | undefined;
  /** Seconds. */
  youngerThan: number;
  keepRejected: number;
  /** ISO 8601, UTC: what ages are counted to. */
  now: string;
  /** The release that asks: its own candidate is not of a run that is over. */
  release?: string | undefined;
  /** Only say what would go and what would stay. */
  dryRun: boolean;
  /** Images that somebody has agreed to: no other goes. Absent: whatever the rules no longer keep. */
  only?: string[] | undefined;
}

/** A name for the image of a release. */
export interface NameWish {
  release: string;
  /** Of the pipeline: `{family}-{date}-{seq}`. */
  template: string;
  /** YYYYMMDD. */
  date: string;
  /** The lowest `{seq}` that no image of the region bears, nor one above it. */
  from: number;
}

/** That one image goes so that there is room for another. */
export interface RoomMaking {
  place: FamilyPlace;
  goes: DeletionPlan;
  /** For whose sake. */
  by: string;
  /** ISO 8601, UTC: when nobody waits for the answer any more. Then nothing is deleted. */
  until: string;
}

/** Updates of the workflow of a family. Each may be asked for twice with the same ID and is done once. */
export const promoteUpdate = update<Promoted, [promotion: Promotion]>('promote');
export const rollbackUpdate = update<Promoted, [rollback: Rollback]>('rollback');
export const rejectImageUpdate = update<undefined, [rejection: Rejection]>('rejectImage');
/** Answers whether the image is gone: by now something may need it. */
export const makeRoomUpdate = update<{ retired: boolean }, [making: RoomMaking]>('makeRoom');
/** Answers the first name from there on that no other release was given. */
export const takeNameUpdate = update<{ imageName: string }, [wish: NameWish]>('takeName');
export const retireUpdate = update<RetiredImage[], [retirement: Retirement]>('retire');

/** What the workflow of a family does now, and what it has still to do. */
export interface FamilyProgress {
  accountId: string;
  family: string;
  /** One line, with the region of each thing when it does several; absent when it has nothing to do. */
  doing?: string | undefined;
  /** The last thing that it did. */
  last?: string | undefined;
  doomed: Doomed[];
  /** Images that still answer for the family, and will not once they have been copied. */
  trailing?: Trailing[] | undefined;
  /** Snapshots that are still to go, though their images are gone. */
  orphaned?: Orphaned[] | undefined;
  /** Images that are not shared while they are changed, and will be again. */
  unshared?: UnsharedImage[] | undefined;
}
export const familyQuery = { type: 'query', name: 'family' } as QueryDefinition<FamilyProgress>;

/** What a look at the families of a region is asked. */
export const listFamilySchema = once(() =>
  z.strictObject({
    region: regionSchema(),
    /** Only this family. */
    family: z.string().min(1).optional(),
    deadlines: z.strictObject({ listFamily: duration(1).default(300), heartbeat: heartbeatTimeout() }).prefault({}),
    roleArn: roleArnSchema().optional(),
  }),
);
export type ListFamilyInput = z.input<ReturnType<typeof listFamilySchema>>;

/** Name of the workflow type that only looks which images families have. */
export const listFamilyWorkflowType = 'listFamily';

/** The images of families in a region, and the account that they are in. */
export interface FamilyListing {
  accountId: string;
  images: FamilyImage[];
}
