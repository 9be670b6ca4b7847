import type { Dice } from '../support/dice';
import { type CloudRows, type RegionRows } from './invariants';
import { type Fields } from './support';

/** A call to be made. */
export interface RandomCall {
  readonly action: string;
  readonly params: Fields;
}

type Kind =
  | 'instances'
  | 'disks'
  | 'snapshots'
  | 'images'
  | 'snapshotGroups'
  | 'keyPairs'
  | 'vpcs'
  | 'subnets'
  | 'securityGroups';
const prefixes: Readonly<Record<Kind, string>> = {
  instances: 'ins',
  disks: 'disk',
  snapshots: 'snap',
  images: 'img',
  snapshotGroups: 'csnap',
  keyPairs: 'skey',
  vpcs: 'vpc',
  subnets: 'subnet',
  securityGroups: 'sg',
};

/** Makes calls, mostly valid and often not, from what the cloud contains. */
export class RandomCalls {
  constructor(
    private readonly dice: Dice,
    private readonly accounts: readonly string[],
    private readonly regions: readonly string[],
  ) {}

  next(cloud: CloudRows, account: string, region: string): RandomCall {
    const rows = cloud.regions[region];
    const [action, make] = this.dice.one(Object.entries(this.makers))!;
    return { action, params: make((kind) => this.id(rows, kind, account), account, rows) };
  }

  /** An ID of the kind: mostly one of the account's, sometimes somebody else's, unknown or malformed. */
  private id(rows: RegionRows | undefined, kind: Kind, account: string): string {
    const all = (rows?.[kind] ?? []) as readonly { id: string; account: string }[];
    const roll = this.dice.next();
    if (roll < 0.02) return `${prefixes[kind]}-zzzzzzzz`;
    if (roll < 0.03) return `${prefixes[kind]}-X`;
    const own = roll < 0.93 ? all.filter((row) => row.account === account) : all;
    return this.dice.one(own)?.id ?? `${prefixes[kind]}-zzzzzzzz`;
  }

  private word(): string {
    return `n${this.dice.upTo(40)}`;
  }

  private publicKey(): string {
    const modulus = Buffer.from(Array.from({ length: 128 }, (_, index) => (index === 0 ? 0x7f : this.dice.upTo(256))));
    const parts = [Buffer.from('ssh-rsa'), Buffer.from([1, 0, 1]), modulus].map((bytes) => {
      const length = Buffer.alloc(4);
      length.writeUInt32BE(bytes.length);
      return Buffer.concat([length, bytes]);
    });
    return `ssh-rsa ${Buffer.concat(parts).toString('base64')} test`;
  }

  private zone(region: RegionRows | undefined): string {
    const zones = (region?.subnets ?? []).map((subnet) => subnet.zone);
    return this.dice.one(zones.filter((zone) => /[34]$/.test(zone))) ?? 'nowhere-1';
  }

  private other(account: string): string {
    return this.dice.chance(0.9)
      ? this.accounts.find((candidate) => candidate !== account)!
      : this.dice.one(['42', account])!;
  }

  private readonly makers: Readonly<
    Record<string, (id: (kind: Kind) => string, account: string, rows: RegionRows | undefined) => Fields>
  > = {
    StartInstances: (id) => ({ InstanceIds: [id('instances')] }),
    StopInstances: (id) => ({
      InstanceIds: [id('instances'), ...(this.dice.chance(0.2) ? [id('instances')] : [])],
      ...(this.dice.chance(0.3) ? { StopType: this.dice.one(['SOFT', 'HARD', 'SOFT_FIRST', 'NEVER']) } : {}),
      ...(this.dice.chance(0.2) ? { StoppedMode: 'STOP_CHARGING' } : {}),
    }),
    RebootInstances: (id) => ({ InstanceIds: [id('instances')] }),
    TerminateInstances: (id) => ({ InstanceIds: [id('instances')] }),
    RunInstances: (id, _, rows) => ({
      ImageId: this.dice.chance(0.4) ? 'img-ubuntu24' : id('images'),
      Placement: { Zone: this.zone(rows) },
      InstanceCount: this.dice.chance(0.6) ? 1 : this.dice.upTo(9),
      ...(this.dice.chance(0.2) ? { ClientToken: this.word() } : {}),
      ...(this.dice.chance(0.3) ? { SecurityGroupIds: [id('securityGroups')] } : {}),
      ...(this.dice.chance(0.2) ? { LoginSettings: { KeyIds: [id('keyPairs')] } } : {}),
      ...(this.dice.chance(0.2) ? { VirtualPrivateCloud: { VpcId: id('vpcs'), SubnetId: id('subnets') } } : {}),
      ...(this.dice.chance(0.4)
        ? {
            DataDisks: [
              {
                DiskSize: 10 * this.dice.upTo(20),
                ...(this.dice.chance(0.5) ? { SnapshotId: id('snapshots') } : {}),
                DeleteWithInstance: this.dice.chance(0.5),
              },
            ],
          }
        : {}),
      ...(this.dice.chance(0.1) ? { DryRun: true } : {}),
    }),
    ModifyInstancesAttribute: (id) => ({
      InstanceIds: [id('instances')],
      ...this.dice.one([
        { InstanceName: this.word() },
        { HostName: 'host-1' },
        { SecurityGroups: [id('securityGroups')] },
        {},
      ]),
    }),
    CreateImage: (id, account, rows) => ({
      ImageName: this.word(),
      ...(this.dice.chance(0.6)
        ? {
            InstanceId: id('instances'),
            ...(this.dice.chance(0.3) ? { ForcePoweroff: 'TRUE' } : {}),
            ...(this.dice.chance(0.4)
              ? {
                  DataDiskIds: [
                    this.dice.one((rows?.disks ?? []).filter((disk) => disk.account === account))?.id ?? id('disks'),
                  ],
                }
              : {}),
          }
        : { SnapshotIds: this.dice.some(rows?.snapshots.map((row) => row.id) ?? [], 3) }),
    }),
    DeleteImages: (id) => ({
      ImageIds: [id('images'), ...(this.dice.chance(0.2) ? [id('images')] : [])],
      DeleteBindedSnap: this.dice.chance(0.5),
    }),
    ModifyImageAttribute: (id) => ({ ImageId: id('images'), ImageName: this.word() }),
    ModifyImageSharePermission: (id, account) => ({
      ImageId: id('images'),
      AccountIds: [this.other(account)],
      Permission: this.dice.one(['SHARE', 'CANCEL']),
    }),
    SyncImages: (id) => ({
      ImageIds: [id('images')],
      DestinationRegions: this.dice.some(this.regions, 2),
      ...(this.dice.chance(0.5) ? { ImageName: this.word() } : {}),
      ...(this.dice.chance(0.1) ? { Encrypt: true } : {}),
    }),
    CreateSnapshot: (id) => ({
      DiskId: id('disks'),
      SnapshotName: this.word(),
      ...(this.dice.chance(0.1) ? { DiskUsage: 'DATA_DISK' } : {}),
    }),
    DeleteSnapshots: (id) => ({
      SnapshotIds: [id('snapshots')],
      ...(this.dice.chance(0.2) ? { DeleteBindImages: true } : {}),
    }),
    CreateSnapshotGroup: (id, _, rows) => {
      const instance = this.dice.one(rows?.instances ?? []);
      return {
        DiskIds:
          instance === undefined || this.dice.chance(0.2)
            ? [id('disks'), id('disks')]
            : [instance.systemDiskId, ...instance.dataDiskIds],
      };
    },
    DeleteSnapshotGroup: (id) => ({ SnapshotGroupId: id('snapshotGroups'), DeleteBindImages: this.dice.chance(0.3) }),
    ModifySnapshotsSharePermission: (id, account) => ({
      SnapshotIds: [id('snapshots')],
      AccountIds: [this.other(account)],
      Permission: this.dice.one(['SHARE', 'CANCEL']),
    }),
    CopySnapshotCrossRegions: (id) => ({
      SnapshotId: id('snapshots'),
      DestinationRegions: this.dice.some(this.regions, 2),
    }),
    ApplySnapshot: (id, _, rows) => {
      const snapshot = this.dice.one(rows?.snapshots ?? []);
      return {
        SnapshotId: snapshot?.id ?? id('snapshots'),
        DiskId: snapshot?.diskId ?? id('disks'),
        AutoStopInstance: this.dice.chance(0.5),
        AutoStartInstance: this.dice.chance(0.3),
      };
    },
    CreateDisks: (id, _, rows) => ({
      Placement: { Zone: this.zone(rows) },
      DiskChargeType: 'POSTPAID_BY_HOUR',
      DiskType: 'CLOUD_PREMIUM',
      ...(this.dice.chance(0.5) ? { SnapshotId: id('snapshots') } : { DiskSize: 10 * this.dice.upTo(10) }),
    }),
    AttachDisks: (id) => ({
      InstanceId: id('instances'),
      DiskIds: [id('disks')],
      DeleteWithInstance: this.dice.chance(0.5),
    }),
    DetachDisks: (id) => ({ DiskIds: [id('disks')] }),
    TerminateDisks: (id) => ({ DiskIds: [id('disks')], DeleteSnapshot: this.dice.upTo(2) }),
    ResizeDisk: (id) => ({ DiskId: id('disks'), DiskSize: 10 * this.dice.upTo(40) }),
    // Seldom well named: making a key takes longer than a hundred other calls.
    CreateKeyPair: () => ({ KeyName: this.dice.chance(0.1) ? this.word() : 'not-a-name', ProjectId: 0 }),
    ImportKeyPair: () => ({ KeyName: this.word(), ProjectId: 0, PublicKey: this.publicKey() }),
    DeleteKeyPairs: (id) => ({ KeyIds: [id('keyPairs')] }),
    AssociateInstancesKeyPairs: (id) => ({
      InstanceIds: [id('instances')],
      KeyIds: [id('keyPairs')],
      ForceStop: this.dice.chance(0.6),
    }),
    DisassociateInstancesKeyPairs: (id) => ({
      InstanceIds: [id('instances')],
      KeyIds: [id('keyPairs')],
      ForceStop: this.dice.chance(0.6),
    }),
    CreateVpc: () => ({ VpcName: this.word(), CidrBlock: `172.${16 + this.dice.upTo(18)}.0.0/16` }),
    DeleteVpc: (id) => ({ VpcId: id('vpcs') }),
    CreateSubnet: (id, _, rows) => {
      const vpc = this.dice.one(rows?.vpcs ?? []);
      const base = vpc?.cidr.split('.').slice(0, 2).join('.') ?? '10.0';
      return {
        VpcId: vpc?.id ?? id('vpcs'),
        SubnetName: this.word(),
        Zone: this.zone(rows),
        CidrBlock: `${base}.${this.dice.upTo(256)}.0/24`,
      };
    },
    DeleteSubnet: (id) => ({ SubnetId: id('subnets') }),
    CreateSecurityGroup: () => ({ GroupName: this.word(), GroupDescription: '' }),
    CreateSecurityGroupPolicies: (id) => ({
      SecurityGroupId: id('securityGroups'),
      SecurityGroupPolicySet: {
        Ingress: [
          {
            Protocol: 'TCP',
            Port: String(this.dice.upTo(90_000)),
            SecurityGroupId: id('securityGroups'),
            Action: 'ACCEPT',
          },
        ],
      },
    }),
    DeleteSecurityGroup: (id) => ({ SecurityGroupId: id('securityGroups') }),
  };
}
