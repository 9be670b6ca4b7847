import { type Row } from './table';

/** Tags as key to value. */
export type Tags = Readonly<Record<string, string>>;

interface Resource extends Row {
  readonly account: string;
  readonly region: string;
  readonly createdAt: number;
  /** Describes do not show the resource before this time (describe lag); 0 = visible at once. */
  readonly hiddenUntil: number;
  readonly tags: Tags;
}

/** What a system disk carries: decides logins, Sysprep and what DescribeImages says. */
export interface System {
  readonly platform: string;
  readonly osName: string;
  readonly windows: boolean;
  readonly architecture: string;
  readonly user: string;
}

export type InstanceState =
  | 'PENDING'
  | 'LAUNCH_FAILED'
  | 'RUNNING'
  | 'STOPPED'
  | 'STARTING'
  | 'STOPPING'
  | 'REBOOTING'
  | 'SHUTDOWN'
  | 'TERMINATING';

/** The last asynchronous operation; while it is OPERATING the instance refuses others. */
export interface Operation {
  readonly name: string;
  readonly state: 'SUCCESS' | 'OPERATING' | 'FAILED';
  readonly requestId: string;
  readonly message: string | null;
}

export interface Instance extends Resource {
  readonly zone: string;
  readonly name: string;
  readonly type: string;
  readonly system: System;
  readonly imageId: string;
  readonly chargeType: string;
  readonly state: InstanceState;
  readonly stoppedMode: 'KEEP_CHARGING' | 'STOP_CHARGING' | 'NOT_APPLICABLE';
  readonly systemDiskId: string;
  /** Data disks in the order of attachment. */
  readonly dataDiskIds: readonly string[];
  readonly vpcId: string;
  readonly subnetId: string;
  readonly privateIp: string;
  readonly publicIp: string | null;
  /** It was launched without a public address, whatever its bandwidth. */
  readonly declinesPublicIp?: boolean;
  readonly bandwidth: number;
  readonly internetChargeType: string;
  readonly securityGroupIds: readonly string[];
  readonly keyIds: readonly string[];
  readonly hostName: string;
  readonly userData: string;
  readonly camRoleName: string | null;
  readonly protected: boolean;
  readonly uuid: string;
  /** Where it really listens, when guests do. */
  readonly loopback: string | null;
  /** Whether the guest has come up since it was last started. */
  readonly booted: boolean;
  /** The operation that began the present boot. */
  readonly bootedBy?: string;
  readonly operation: Operation | null;
}

/** CREATING is the simulator's own: describes do not show such a disk yet. */
export type DiskState =
  'CREATING' | 'UNATTACHED' | 'ATTACHING' | 'ATTACHED' | 'DETACHING' | 'EXPANDING' | 'ROLLBACKING';

export interface Disk extends Resource {
  readonly zone: string;
  readonly name: string;
  readonly type: string;
  readonly usage: 'SYSTEM_DISK' | 'DATA_DISK';
  readonly size: number;
  readonly state: DiskState;
  readonly instanceId: string | null;
  readonly lastInstanceId: string | null;
  readonly deleteWithInstance: boolean;
  readonly encrypted: boolean;
  readonly chargeType: string;
  /** When a rollback began and when it will be done; 0 when there is none. */
  readonly changedAt: number;
  readonly doneAt: number;
  /** What is on the disk; stands for its blocks. */
  readonly content: string;
}

/** An account that something is shared with, and since when. */
export interface Share {
  readonly account: string;
  readonly at: number;
}

export interface Snapshot extends Resource {
  readonly zone: string;
  readonly name: string;
  readonly diskId: string;
  readonly usage: 'SYSTEM_DISK' | 'DATA_DISK';
  readonly size: number;
  /** TORECYCLE: deleted, and described for a while yet. */
  readonly state: 'CREATING' | 'NORMAL' | 'COPYING_FROM_REMOTE' | 'CHECKING_COPIED' | 'ROLLBACKING' | 'TORECYCLE';
  /** When it will be done: Percent is read off the time that has passed. */
  readonly doneAt: number;
  readonly encrypted: boolean;
  readonly deadline: string;
  readonly copied: boolean;
  /** Images that it is bound to. */
  readonly imageIds: readonly string[];
  /** The snapshot group that it was made in. */
  readonly groupId: string | null;
  readonly shares: readonly Share[];
  readonly content: string;
  /** What a system-disk snapshot would boot. */
  readonly system: System | null;
}

export interface ImageSnapshot {
  readonly id: string;
  readonly usage: 'SYSTEM_DISK' | 'DATA_DISK';
  readonly size: number;
}

export interface Image extends Resource {
  readonly name: string;
  readonly description: string;
  readonly state: 'CREATING' | 'NORMAL' | 'CREATEFAILED' | 'SYNCING';
  readonly system: System;
  readonly size: number;
  readonly source: 'OFFICIAL' | 'CREATE_IMAGE';
  readonly family: string;
  readonly deprecated: boolean;
  readonly encrypted: boolean;
  readonly snapshots: readonly ImageSnapshot[];
  /** Accounts that it is shared with, and when that happened. */
  readonly shares: readonly Share[];
  /** Key pairs that its system disk brings along. */
  readonly keyIds: readonly string[];
  /** The instance that CreateImage works on, until it is done. */
  readonly instanceId: string | null;
  readonly doneAt: number;
}

/** Snapshots of several disks of one instance, taken at the same time. */
export interface SnapshotGroup extends Resource {
  readonly name: string;
  readonly snapshotIds: readonly string[];
}

export interface KeyPair extends Resource {
  readonly name: string;
  readonly description: string;
  /** A line of OpenSSH. */
  readonly publicKey: string;
}

export interface Vpc extends Resource {
  readonly name: string;
  readonly cidr: string;
  readonly isDefault: boolean;
}

export interface Subnet extends Resource {
  readonly name: string;
  readonly cidr: string;
  readonly vpcId: string;
  readonly zone: string;
  readonly isDefault: boolean;
}

/** One rule of a security group. */
export interface SecurityPolicy {
  readonly protocol: string;
  readonly port: string;
  readonly cidr: string;
  readonly groupId: string;
  readonly action: string;
  readonly description: string;
  readonly at: number;
}

export interface SecurityGroup extends Resource {
  readonly name: string;
  readonly description: string;
  readonly isDefault: boolean;
  readonly ingress: readonly SecurityPolicy[];
  readonly egress: readonly SecurityPolicy[];
  /** Counts changes of the policies. */
  readonly version: number;
}

export interface Role {
  readonly name: string;
  readonly id: string;
  /** Accounts that may assume it. */
  readonly trusts: readonly string[];
}

/** An API key. One that is revoked is as unknown as if it had never been. */
export interface ApiKey {
  readonly secretId: string;
  readonly secretKey: string;
  readonly revoked?: boolean;
}

/** A root account (ID = uin) with its API keys and roles. */
export interface Account extends Row {
  readonly appId: number;
  readonly keys: readonly ApiKey[];
  readonly roles: readonly Role[];
}

/** A temporary key of STS; ID = TmpSecretId. */
export interface Session extends Row {
  readonly secretKey: string;
  readonly token: string;
  /** The root account that the key acts in. */
  readonly uin: string;
  /** The account that asked for the key. */
  readonly requester: string;
  /** What the key acts as: a role, or (null) a federated user of the account. */
  readonly role: { readonly id: string; readonly name: string } | null;
  /** The name of the role session or of the federated user. */
  readonly name: string;
  readonly expiresAt: number;
}

/** What a ClientToken was answered with; ID = account/region/action/token. */
export interface ClientToken extends Row {
  readonly parameters: string;
  readonly ids: readonly string[];
  readonly expiresAt: number;
}

/** Something that will happen at a time: the only way that state changes by itself. */
export interface Happening extends Row {
  readonly at: number;
  readonly type: string;
  readonly target: string;
  /** RequestId of the operation that it belongs to; ignored when another one has taken over. */
  readonly operation: string;
  readonly data: Readonly<Record<string, string | number | boolean>>;
}

/** A number with a name: counters and quotas. */
export interface Setting extends Row {
  readonly value: number;
}
