import { publicAddress } from '../cvm/instances';
import { instanceTypes } from '../cvm/instance-types';
import { type Disk, type ImageSnapshot } from '../state/records';
import { shortId, uuidFrom } from '../state/random';
import { type World } from '../state/world';
import { freeAddress } from '../vpc/addresses';
import { ensureNetworks, longAgo } from '../vpc/networks';
import { regionOf, regions } from '../vpc/regions';
import { developmentAccount } from './default-seed';
import { defaultImage, seedPublicImages } from './public-images';
import { type DiskSeed, type FullInstanceSeed, type ImageSeed, type Seed, seedInstance } from './seed';

/** What planting made, as the control API answers it. */
export interface Planted {
  readonly instances: readonly {
    readonly InstanceId: string;
    readonly SystemDiskId: string;
    readonly DataDiskIds: readonly string[];
  }[];
  readonly images: readonly { readonly ImageId: string; readonly SnapshotIds: readonly string[] }[];
}

/** Adds a seed to the world. Throws an Error that says what is wrong with it, before anything is added. */
export function plant(world: World, seed: Seed): Planted {
  const instances = (seed.instances ?? []).map(seedInstance);
  check(world, seed, instances);
  if (world.images.get('img-ubuntu24') === undefined) seedPublicImages(world);
  for (const account of seed.accounts ?? []) {
    const roles = (account.roles ?? []).map((role) => ({
      name: role.name,
      id: String(4_611_686_000_000_000 + Number(account.uin.slice(-6))),
      trusts: role.trusts ?? [account.uin],
    }));
    world.accounts.put({
      id: account.uin,
      appId: 1_250_000_000 + (Number(account.uin.slice(-9)) || 1),
      keys: account.keys,
      roles,
    });
    for (const region of regions.keys()) ensureNetworks(world, account.uin, region);
  }
  for (const [region, value] of Object.entries(seed.imageQuota ?? {}))
    world.settings.put({ id: `imageQuota/${region}`, value });
  for (const [region, value] of Object.entries(seed.snapshotQuota ?? {}))
    world.settings.put({ id: `snapshotQuota/${region}`, value });
  for (const [region, value] of Object.entries(seed.instanceQuota ?? {}))
    world.settings.put({ id: `instanceQuota/${region}`, value });
  return {
    instances: instances.map((instance) => plantInstance(world, instance)),
    images: (seed.images ?? []).map((image) => plantImage(world, image)),
  };
}

function check(world: World, seed: Seed, instances: readonly FullInstanceSeed[]): void {
  const accounts = new Set([
    ...[...world.accounts.all()].map((account) => account.id),
    ...(seed.accounts ?? []).map((account) => account.uin),
  ]);
  for (const { account = developmentAccount, region } of [...instances, ...(seed.images ?? [])]) {
    if (!regions.has(region)) throw new Error(`unknown region "${region}": use ${[...regions.keys()].join(', ')}`);
    if (!accounts.has(account)) throw new Error(`unknown account "${account}"`);
  }
  for (const instance of instances) {
    if (!/^ins-[0-9a-z]{8}$/.test(instance.id))
      throw new Error(`"${instance.id}" is not an instance ID (ins- and 8 of 0-9a-z)`);
    if (world.instances.get(instance.id) !== undefined) throw new Error(`the instance ${instance.id} exists already`);
    for (const disk of [instance.systemDisk, ...instance.dataDisks]) {
      if (!/^disk-[0-9a-z]{8}$/.test(disk.id)) throw new Error(`"${disk.id}" is not a disk ID (disk- and 8 of 0-9a-z)`);
      if (world.disks.get(disk.id) !== undefined) throw new Error(`the disk ${disk.id} exists already`);
    }
    if (instance.type !== undefined && !instanceTypes.has(instance.type))
      throw new Error(`unknown instance type "${instance.type}"`);
    if (instance.zone !== undefined && !regionOf(instance.region).zones.includes(instance.zone)) {
      throw new Error(`the zone "${instance.zone}" is not in ${instance.region}`);
    }
  }
  for (const image of seed.images ?? []) {
    if (image.id !== undefined && !/^img-[0-9a-z]{8}$/.test(image.id))
      throw new Error(`"${image.id}" is not an image ID (img- and 8 of 0-9a-z)`);
    if (image.id !== undefined && world.images.get(image.id) !== undefined)
      throw new Error(`the image ${image.id} exists already`);
  }
}

function plantInstance(world: World, seed: FullInstanceSeed): Planted['instances'][number] {
  const { id, region, account = developmentAccount, os = 'linux', state = 'RUNNING', bandwidth = 5 } = seed;
  const { zones } = regionOf(region);
  const zone = seed.zone ?? zones[2]!;
  const network = ensureNetworks(world, account, region);
  const subnet = world.subnets.must(network.subnet(zones.indexOf(zone) + 1));
  const image = defaultImage(os);
  const stopCharging = state === 'STOPPED' && seed.stoppedMode === 'STOP_CHARGING';
  const common = { account, region, createdAt: longAgo, hiddenUntil: 0, tags: seed.tags ?? {} };
  const putDisk = (disk: DiskSeed & { readonly id: string }, usage: Disk['usage']): string =>
    world.disks.put({
      ...common,
      id: disk.id,
      zone,
      name: disk.name ?? '',
      type: disk.type ?? 'CLOUD_PREMIUM',
      usage,
      size: disk.size ?? 50,
      state: 'ATTACHED',
      instanceId: id,
      lastInstanceId: null,
      deleteWithInstance: disk.deleteWithInstance ?? true,
      encrypted: disk.encrypted ?? false,
      chargeType: seed.chargeType === 'PREPAID' ? 'PREPAID' : 'POSTPAID_BY_HOUR',
      changedAt: 0,
      doneAt: 0,
      content: disk.content ?? `${usage === 'SYSTEM_DISK' ? 'system' : 'data'} of ${disk.id}`,
    }).id;
  const systemDiskId = putDisk(seed.systemDisk, 'SYSTEM_DISK');
  const dataDiskIds = seed.dataDisks.map((disk) => putDisk(disk, 'DATA_DISK'));
  world.instances.put({
    ...common,
    id,
    zone,
    name: seed.name ?? id,
    type: seed.type ?? 'S5.MEDIUM4',
    system: image.system,
    imageId: image.id,
    chargeType: seed.chargeType ?? 'POSTPAID_BY_HOUR',
    state,
    stoppedMode: state === 'RUNNING' ? 'NOT_APPLICABLE' : stopCharging ? 'STOP_CHARGING' : 'KEEP_CHARGING',
    systemDiskId,
    dataDiskIds,
    vpcId: subnet.vpcId,
    subnetId: subnet.id,
    privateIp: freeAddress(world, subnet, id),
    publicIp: bandwidth === 0 || stopCharging ? null : publicAddress(id),
    bandwidth,
    internetChargeType: 'TRAFFIC_POSTPAID_BY_HOUR',
    securityGroupIds: [network.group],
    keyIds: os === 'windows' ? [] : [network.key],
    hostName: seed.name ?? id,
    userData: '',
    camRoleName: null,
    protected: false,
    loopback: null,
    booted: true,
    uuid: uuidFrom(id),
    operation: null,
  });
  return { InstanceId: id, SystemDiskId: systemDiskId, DataDiskIds: dataDiskIds };
}

function plantImage(world: World, seed: ImageSeed): Planted['images'][number] {
  const { region, account = developmentAccount, os = 'linux', size = 50 } = seed;
  const id = seed.id ?? world.newId('img');
  const common = { account, region, hiddenUntil: 0, tags: {} };
  const { system } = defaultImage(os);
  const part = (usage: ImageSnapshot['usage'], gib: number, index: number): ImageSnapshot => {
    const snapshotId = `snap-${shortId(id, 'snapshot', index)}`;
    world.snapshots.put({
      ...common,
      id: snapshotId,
      createdAt: longAgo,
      zone: regionOf(region).zones[2]!,
      name: `${seed.name}_${index}`,
      diskId: `disk-${shortId(id, 'disk', index)}`,
      usage,
      size: gib,
      state: 'NORMAL',
      doneAt: longAgo,
      encrypted: false,
      deadline: '',
      copied: false,
      imageIds: [id],
      groupId: null,
      shares: [],
      content: seed.content ?? `${usage === 'SYSTEM_DISK' ? 'system' : 'data'} of ${id}`,
      system: usage === 'SYSTEM_DISK' ? system : null,
    });
    return { id: snapshotId, usage, size: gib };
  };
  const snapshots = [
    part('SYSTEM_DISK', size, 0),
    ...(seed.dataDisks ?? []).map((gib, index) => part('DATA_DISK', gib, index + 1)),
  ];
  world.images.put({
    ...common,
    id,
    createdAt: world.now(),
    tags: seed.tags ?? {},
    name: seed.name,
    description: '',
    state: seed.state ?? 'NORMAL',
    system,
    size,
    source: 'CREATE_IMAGE',
    family: seed.family ?? '',
    deprecated: false,
    encrypted: false,
    snapshots,
    keyIds: [],
    shares: (seed.sharedWith ?? []).map((other) => ({ account: other, at: longAgo })),
    instanceId: null,
    doneAt: world.now(),
  });
  return { ImageId: id, SnapshotIds: snapshots.map((snapshot) => snapshot.id) };
}
