import { publicAddress } from '../cvm/instances';
import { type Disk, type ImageSnapshot } from '../state/records';
import { shortId, uuidFrom } from '../state/random';
import { type World } from '../state/world';
import { freeAddress } from '../vpc/addresses';
import { ensureNetworks, longAgo } from '../vpc/networks';
import { regionOf, regions } from '../vpc/regions';
import { checkSeed } from './check';
import { defaultAccounts, developmentAccount } from './default-seed';
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

/**
 * Adds a seed to the world. A world without accounts gets the usual ones, unless the seed brings its own. Throws an Error that
 * says what is wrong with the seed, a line for each field, before anything is added.
 */
export function plant(world: World, given: Seed): Planted {
  const seed = withOwners(world, checkSeed(given));
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

/** Fills in whose everything is: the development account's, or in a cloud without it the first account's. */
function withOwners(world: World, seed: Seed): Seed {
  const accounts = seed.accounts ?? (world.accounts.size === 0 ? defaultAccounts : []);
  const known = [...[...world.accounts.all()].map(({ id }) => id), ...accounts.map(({ uin }) => uin)];
  const owner = known.includes(developmentAccount) ? developmentAccount : (known[0] ?? developmentAccount);
  return {
    ...seed,
    accounts,
    instances: (seed.instances ?? []).map((instance) => ({ ...instance, account: instance.account ?? owner })),
    images: (seed.images ?? []).map((image) => ({ ...image, account: image.account ?? owner })),
  };
}

/** Holds a seed, whose form is right, against what there is and against itself. */
function check(world: World, seed: Seed, instances: readonly FullInstanceSeed[]): void {
  const wrong: string[] = [];
  const accounts = new Set([
    ...[...world.accounts.all()].map((account) => account.id),
    ...(seed.accounts ?? []).map((account) => account.uin),
  ]);
  const ids = new Set<string>();
  /** An ID that the seed gives something must be free in the cloud, and occur once. */
  const once = (path: string, id: string | undefined, what: string, table?: { get(id: string): unknown }): void => {
    if (id === undefined) return;
    if (table?.get(id) !== undefined) wrong.push(`${path}: the ${what} ${id} exists already`);
    else if (ids.has(`${what}/${id}`)) wrong.push(`${path}: the ${what} ${id} is there twice`);
    ids.add(`${what}/${id}`);
  };
  const owned = (path: string, account: string | undefined): void => {
    if (account !== undefined && !accounts.has(account)) wrong.push(`${path}.account: unknown account "${account}"`);
  };
  for (const [index, { uin, keys }] of (seed.accounts ?? []).entries()) {
    once(`accounts[${index}].uin`, uin, 'account');
    for (const [which, { secretId }] of keys.entries()) once(`accounts[${index}].keys[${which}]`, secretId, 'key');
  }
  for (const [index, instance] of instances.entries()) {
    const path = `instances[${index}]`;
    owned(path, instance.account);
    once(`${path}.id`, instance.id, 'instance', world.instances);
    once(`${path}.systemDisk.id`, instance.systemDisk.id, 'disk', world.disks);
    for (const [which, { id }] of instance.dataDisks.entries())
      once(`${path}.dataDisks[${which}].id`, id, 'disk', world.disks);
  }
  for (const [index, { account, id }] of (seed.images ?? []).entries()) {
    owned(`images[${index}]`, account);
    once(`images[${index}].id`, id, 'image', world.images);
  }
  if (wrong.length > 0) throw new Error(wrong.join('\n'));
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
