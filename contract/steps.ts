import type { NotifyInput } from './notification';
import type { RoomWish } from './room';
import type { BuildSpec, LaunchSettings } from './spec';
import type { Resource } from './resources';

/** What every activity of a build is told about the build. */
export interface BuildRef {
  /** The build ID, or that of a launch or a deletion. */
  buildId: string;
  region: string;
  /** The source instance; of a launch or a deletion, the image that it is about. */
  instanceId: string;
  /** True after a reset of the workflow, or when a step is dispatched again: activities before may have been at work. */
  reset: boolean;
  /** `reset` is true only because the step's deadline was put off: no other run of the workflow was at work before. */
  extended?: boolean;
  /** Role to assume for this build, if the spec names one. */
  roleArn?: string | undefined;
  /** The cloud account that the build began in, once it is known: a worker with another one's credentials keeps off. */
  accountId?: string | undefined;
}

export interface Disk {
  diskId: string;
  usage: 'SYSTEM_DISK' | 'DATA_DISK';
  /** GiB. */
  size: number;
  /** Such as CLOUD_PREMIUM. */
  type: string;
}

export interface SourceFacts {
  instanceId: string;
  name: string;
  /** The cloud account that it is in; absent in what builds of earlier versions recorded. */
  accountId?: string | undefined;
  zone: string;
  instanceType: string;
  osName: string;
  windows: boolean;
  /** Whether it is to run again at the end: it was running, or an earlier attempt's restore tag says so. */
  wasRunning: boolean;
  /** It carries this installation's restore tag: an earlier build stopped it and did not live to start it again. */
  claimed: boolean;
  vpcId?: string | undefined;
  subnetId?: string | undefined;
  securityGroupIds: string[];
  systemDisk: Disk;
  /** The data disks that the build takes with it, by snapshot or inside the image. */
  dataDisks: Disk[];
  /** Only after a reset. */
  made?: MadeBefore | undefined;
}

export interface QuotaFacts {
  /** Custom images of the region, those still CREATING included, and how many there may be. */
  images: { used: number; total: number };
  /** There is no room now, and the build stands in the queue for it; absent when it has a slot. */
  queued?:
    | {
        position: number;
        /** Under this name: installation/build. */
        owner: string;
        /** Why none of its family's images may go for it. */
        why?: string | undefined;
      }
    | undefined;
}

export interface DiskSnapshot {
  snapshotId: string;
  diskId: string;
  usage: Disk['usage'];
  /** GiB, of the disk. */
  size: number;
}

export interface ImageFacts {
  imageId: string;
  name: string;
  /** GiB. */
  size: number;
  /** The snapshots bound to the image, implicit ones included. */
  snapshotIds: string[];
}

/** What the runs before a reset have made and kept: all of one moment. */
export interface MadeBefore {
  image: ImageFacts;
  snapshots: DiskSnapshot[];
}

export interface LaunchedInstance {
  instanceId: string;
  name: string;
  zone: string;
  privateIps: string[];
  publicIps: string[];
  systemDiskId: string;
  /** New data disks, each with the snapshot that it was made from. */
  dataDisks: { diskId: string; snapshotId?: string | undefined; size: number }[];
}

/** How a step ended whose undo is asked for: its outcome is unknown when its answer was lost or it was interrupted. */
export interface UndoInput {
  build: BuildRef;
  /** The generation of the step that is undone; all earlier ones are undone too. */
  generation: number;
  /** IDs that the step is known to have made. What it never told is found by name and tag. */
  known: string[];
  /** False when the step is known to be over, so that an empty look-up is proof without a settle window. */
  unknownOutcome: boolean;
  /** `onFailure: keep`: find what the step made and list it as kept, instead of removing it. */
  keep?: boolean | undefined;
}

export interface UndoOutcome {
  resources: Resource[];
}

export interface ShutdownOutcome {
  /** ISO 8601, UTC: when this build asked for the stop; absent when the instance was already stopped. */
  askedAt?: string | undefined;
  /** ISO 8601, UTC: when it was seen STOPPED. */
  stoppedAt: string;
}

export interface RestoreOutcome {
  /** `untouched`: it was only to be started with a restore tag of ours, and has none. */
  outcome: 'running' | 'gone' | 'untouched';
  /** ISO 8601, UTC: when it was seen RUNNING. */
  runningAt?: string | undefined;
  /** Why the restore tag could not be removed; the source runs all the same. */
  tagLeft?: string | undefined;
  /** The operation that it was seen to have gone through last (LatestOperationRequestId), where the cloud tells. */
  operation?: string | undefined;
}

export interface CreateImageInput {
  build: BuildRef;
  generation: number;
  name: string;
  description?: string | undefined;
  /** Sent as ImageFamily when the spec says so. */
  family?: string | undefined;
  tags: Record<string, string>;
  /** Set by a pipeline. */
  candidate?: BuildSpec['image']['candidate'];
  sysprep: boolean;
  /** Image of the stopped instance (with these data disks inside), or of these snapshots. */
  from: { kind: 'instance'; dataDiskIds: string[] } | { kind: 'snapshots'; snapshotIds: string[] };
}

export interface LaunchInput {
  build: BuildRef;
  generation: number;
  /** Part of the ClientToken, so that a reset run does not get the instance of the run before. */
  runId: string;
  imageId: string;
  settings: LaunchSettings;
  source: SourceFacts;
  /** Empty when the image brings its data disks itself. */
  snapshots: DiskSnapshot[];
  dataDisks: Disk[];
}

/** The activities of a build: what each step is given and what it answers. All are safe to run twice. */
export interface BuildActivities {
  inspectSource(input: { build: BuildRef; spec: BuildSpec; imageName: string }): Promise<SourceFacts>;
  /** With `room`: takes a slot of the region's quota, or a place in the queue. Without: only looks. */
  checkQuota(input: { build: BuildRef; imageName: string; room?: RoomWish | undefined }): Promise<QuotaFacts>;
  shutdownInstance(input: {
    build: BuildRef;
    source: SourceFacts;
    stopType: BuildSpec['stopType'];
  }): Promise<ShutdownOutcome>;
  /** Undo of shutdownInstance, and the step that starts the source again. */
  restoreInstance(input: {
    build: BuildRef;
    /** True when a stop may still be under way whose answer nobody got. */
    unknownOutcome: boolean;
    /** Start it only if it carries this installation's restore tag: whether this build took it down is not known. */
    onlyIfClaimed?: boolean | undefined;
  }): Promise<RestoreOutcome>;
  snapshotDisks(input: {
    build: BuildRef;
    generation: number;
    disks: Disk[];
    tags: Record<string, string>;
  }): Promise<{ snapshots: DiskSnapshot[] }>;
  /** Without `diskIds`: of all disks of the source. */
  undoSnapshotDisks(input: UndoInput & { diskIds?: string[] | undefined }): Promise<UndoOutcome>;
  createImage(input: CreateImageInput): Promise<{ imageId: string; adopted: boolean }>;
  /** Deletes the image with the snapshots that the cloud made for it; `inputSnapshotIds` are left to their own undo. */
  undoCreateImage(input: UndoInput & { name: string; inputSnapshotIds: string[] }): Promise<UndoOutcome>;
  pollImage(input: { build: BuildRef; imageId: string }): Promise<ImageFacts>;
  /** Tags resources as `kept`: nothing of ours deletes them from here on. */
  keepResources(input: {
    build: BuildRef;
    imageIds?: string[];
    snapshotIds?: string[];
    instanceIds?: string[];
    diskIds?: string[];
  }): Promise<undefined>;
  launchInstance(input: LaunchInput): Promise<LaunchedInstance>;
  undoLaunchInstance(input: UndoInput): Promise<UndoOutcome>;
  /** Tells a webhook. Fails when there is none of that name, or it does not take it. */
  notify(input: NotifyInput): Promise<undefined>;
}
