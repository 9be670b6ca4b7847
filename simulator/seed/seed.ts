import { randomBytes } from 'node:crypto';
import { shortId } from '../state/random';

/** An account of the simulated cloud, as a seed has it. */
export interface AccountSeed {
  /** The root account's number. */
  readonly uin: string;
  readonly keys: readonly { readonly secretId: string; readonly secretKey: string }[];
  /** Roles of the account; `trusts` lists the accounts that may assume it (default: its own). */
  readonly roles?: readonly { readonly name: string; readonly trusts?: readonly string[] }[];
}

/** A disk, as a seed has it; everything has a default. */
export interface DiskSeed {
  readonly id?: string;
  readonly type?: string;
  readonly size?: number;
  readonly name?: string;
  readonly encrypted?: boolean;
  readonly deleteWithInstance?: boolean;
  readonly content?: string;
}

/** An instance, as a seed has it; only the region is required. */
export interface InstanceSeed {
  readonly region: string;
  readonly id?: string;
  readonly account?: string;
  /** Default: the region's third zone. */
  readonly zone?: string;
  readonly name?: string;
  readonly os?: 'linux' | 'windows';
  readonly state?: 'RUNNING' | 'STOPPED';
  /** How a stopped instance was stopped. */
  readonly stoppedMode?: 'KEEP_CHARGING' | 'STOP_CHARGING';
  readonly type?: string;
  readonly chargeType?: string;
  /** Outgoing Mbps; 0 = no public address. */
  readonly bandwidth?: number;
  readonly systemDisk?: DiskSeed;
  /** The data disks, or how many of them. */
  readonly dataDisks?: number | readonly DiskSeed[];
  readonly tags?: Readonly<Record<string, string>>;
}

/** A custom image with its snapshots, as a seed has it. */
export interface ImageSeed {
  readonly region: string;
  readonly name: string;
  readonly id?: string;
  readonly account?: string;
  readonly os?: 'linux' | 'windows';
  readonly state?: 'NORMAL' | 'CREATEFAILED';
  readonly size?: number;
  /** Sizes of its data-disk snapshots: a whole-instance image. */
  readonly dataDisks?: readonly number[];
  readonly content?: string;
  readonly family?: string;
  readonly sharedWith?: readonly string[];
  readonly tags?: Readonly<Record<string, string>>;
}

/** What a simulated cloud contains at first, or what is added to a running one. */
export interface Seed {
  readonly accounts?: readonly AccountSeed[];
  readonly instances?: readonly InstanceSeed[];
  readonly images?: readonly ImageSeed[];
  /** Custom images allowed in a region; 10 where nothing is said. */
  readonly imageQuota?: Readonly<Record<string, number>>;
  /** Snapshots allowed in a region; 64 and 64 for each disk where nothing is said. */
  readonly snapshotQuota?: Readonly<Record<string, number>>;
  /** Instances of one charge type allowed in each zone of a region; 1,000 where nothing is said. */
  readonly instanceQuota?: Readonly<Record<string, number>>;
}

/** An instance with every ID written out, so that a test knows the disks that it will have. */
export type FullInstanceSeed = InstanceSeed & {
  readonly id: string;
  readonly systemDisk: DiskSeed & { readonly id: string };
  readonly dataDisks: readonly (DiskSeed & { readonly id: string })[];
};

/**
 * Fills in what an instance seed leaves out. Disk IDs follow from the instance's; the instance's own is random when it
 * is not given.
 */
export function seedInstance(short: InstanceSeed): FullInstanceSeed {
  const id = short.id ?? `ins-${shortId(randomBytes(8).toString('hex'))}`;
  const disks =
    typeof short.dataDisks === 'number'
      ? Array.from({ length: short.dataDisks }, (): DiskSeed => ({}))
      : (short.dataDisks ?? []);
  return {
    ...short,
    id,
    systemDisk: { ...short.systemDisk, id: short.systemDisk?.id ?? `disk-${shortId(id, 'system')}` },
    dataDisks: disks.map((disk, index) => ({ ...disk, id: disk.id ?? `disk-${shortId(id, 'data', index)}` })),
  };
}
