import type { QueryDefinition, SignalDefinition, UpdateDefinition } from '@temporalio/common';
import type { DeletionPlan } from './images';
import type { BuildSpec } from './spec';
import type { BuildRef } from './steps';

/** Name of the workflow type that hands out the slots of a region's image quota. */
export const quotaWorkflowType = 'imageQuota';

/** One an account and region: whoever is to make an image there asks it for a slot first. */
export const quotaWorkflowId = (accountId: string, region: string) => `image-quota/${accountId}/${region}`;

/** Key of the memo field with its leases and its queue, which is there without a worker too: see {@link QuotaState}. */
export const quotaMemo = 'room';

/** Key of the memo field of a build with its place in the queue, for lists; absent while it does not wait. */
export const queueMemo = 'queue';

export type WhenFull = BuildSpec['room']['whenFull'];

/** What a build asks for when it checks the quota. */
export interface RoomWish {
  whenFull: WhenFull;
  /** The family whose oldest images may go for it (`retire-oldest`). */
  family?: string | undefined;
  /** How often the cloud has refused the image of this build for want of room, though it had a slot. */
  refusals: number;
}

/** Somebody who wants a slot, or has one. */
export interface RoomRequest extends RoomWish {
  /** Value of the build tag of what it makes: installation/build. */
  owner: string;
  buildId: string;
  /** Name of the image, where that has no tag at first: a copy is the one of this name that has none. */
  imageName?: string | undefined;
  /** Told by signal when its place changes and when its turn comes. */
  workflowId?: string | undefined;
  /** ISO 8601, UTC: when it first asked. The order of the queue. */
  since: string;
  /** Where its worker is, with which credentials it looks, and under which heartbeat timeout (seconds). */
  taskQueue: string;
  roleArn?: string | undefined;
  heartbeat: number;
}

/** A slot that is promised. It ends with the build: when Temporal says that it has no open run any more. */
export interface Lease extends RoomRequest {
  /** ISO 8601, UTC. */
  grantedAt: string;
}

/** One that waits for a slot. */
export interface Waiting extends RoomRequest {
  /** Counts from 1, as it was told; absent while it has not been answered yet. */
  position?: number | undefined;
  /** Why none of its family's images may go for it. */
  why?: string | undefined;
  /** It had a slot already, and has asked again. */
  grantedAt?: string | undefined;
  /** It has that slot still, which the cloud has not refused since: its answer may have been lost. */
  holds?: true | undefined;
}

/** What the workflow remembers; carried along when it continues as new. */
export interface QuotaState {
  leases: Lease[];
  queue: Waiting[];
}

export interface QuotaInput extends Partial<QuotaState> {
  accountId: string;
  region: string;
}

interface Numbers {
  images: { used: number; total: number };
}

/** What somebody who asked for a slot is told. */
export type RoomAnswer =
  | ({ is: 'granted' } & Numbers)
  | ({ is: 'queued'; position: number; why?: string | undefined } & Numbers)
  /** Of the slots that are free, `promised` are others' that have not made their images yet. */
  | ({ is: 'full'; promised: number; waiting: number } & Numbers)
  /** Nobody could look: the cloud's refusal. */
  | { is: 'failed'; code: string; message: string; advice?: string | undefined; requestId?: string | undefined };

/** Update: asks for a slot. Whoever asks again is told how it stands; a slot that it had is looked at once more. */
export const reserveUpdate = { type: 'update', name: 'reserve' } as UpdateDefinition<
  RoomAnswer,
  [request: RoomRequest]
>;

/** Signal: a build no longer waits. */
export const withdrawSignal = { type: 'signal', name: 'withdraw' } as SignalDefinition<[owner: string]>;

/** What a waiting build is told, or a release whose copy waits. */
export interface Turn {
  /** Of the build, or of the release. */
  buildId: string;
  /** Where it waits: a release may in several regions. Absent in what was told before there was this field. */
  region?: string | undefined;
  /** Of the request that it answers. */
  refusals: number;
  /** Its place now; 0: its turn has come. */
  position: number;
}

/** Signal to a build: its place in the queue has changed, or its turn has come. */
export const turnSignal = { type: 'signal', name: 'turn' } as SignalDefinition<[turn: Turn]>;

/** How a region's quota stands. Answer of the query `quota`. */
export interface QuotaProgress extends QuotaState {
  accountId: string;
  region: string;
  /** As last seen; absent before the first look. */
  images?: { used: number; total: number } | undefined;
  /** ISO 8601, UTC: when that was. */
  seenAt?: string | undefined;
  /** What was deleted last to make room. */
  retired: string[];
}
export const quotaQuery = { type: 'query', name: 'quota' } as QueryDefinition<QuotaProgress>;

/** Somebody whose image, and whose standing in Temporal, is looked for. */
export type Party = Pick<RoomRequest, 'owner' | 'buildId' | 'imageName'>;

/** A look at a region's quota. */
export interface RoomSeen {
  /** Custom images that exist, CREATING ones included, and how many there may be. */
  used: number;
  total: number;
  /** Owners whose image is among them. */
  withImage: string[];
  /** Owners that have no open run any more; their images, if there are any, are among those that were counted. */
  over: string[];
  /** Owners of whose family something may go. */
  retirable: string[];
}

/** The activities of the workflow of a quota. All are safe to run twice. */
export interface QuotaActivities {
  /** Looks once. Whether anybody is over is asked when there is not room for all that wait, or `standings` says so. */
  inspectRoom(input: { build: BuildRef; holders: Party[]; waiting: Party[]; standings: boolean }): Promise<RoomSeen>;
  /** Waits until there is room for one more, or one of them is over, or something may go for one that wants it. */
  awaitRoom(input: {
    build: BuildRef;
    holders: Party[];
    waiting: Party[];
    /** Those for whose sake the oldest of their family may go. */
    retiring: (Party & { family: string })[];
  }): Promise<RoomSeen>;
  /** The oldest image of a family that may go, and why others stay, in words. Changes nothing. */
  inspectOldest(input: { build: BuildRef; family: string }): Promise<{ goes?: DeletionPlan | undefined; why: string }>;
  /** Deletes this image of a family with its snapshots, if it may still go. */
  retireOldest(input: { build: BuildRef; family: string; goes: DeletionPlan }): Promise<{ retired: boolean }>;
}
