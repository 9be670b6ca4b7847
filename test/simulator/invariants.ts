import assert from 'node:assert/strict';
import {
  type Disk,
  type Happening,
  type Image,
  type Instance,
  type KeyPair,
  type SecurityGroup,
  type Snapshot,
  type SnapshotGroup,
  type Subnet,
  type Vpc,
} from '../../simulator/state/records';

/** A region as the control API shows it. */
export interface RegionRows {
  readonly instances: readonly Instance[];
  readonly disks: readonly Disk[];
  readonly snapshots: readonly Snapshot[];
  readonly images: readonly Image[];
  readonly snapshotGroups: readonly SnapshotGroup[];
  readonly keyPairs: readonly KeyPair[];
  readonly vpcs: readonly Vpc[];
  readonly subnets: readonly Subnet[];
  readonly securityGroups: readonly SecurityGroup[];
  readonly imageQuota: number;
}

/** The whole cloud as the control API shows it. */
export interface CloudRows {
  readonly regions: Readonly<Record<string, RegionRows>>;
  readonly happenings: readonly Happening[];
}

const byId = <T extends { readonly id: string }>(rows: readonly T[]): Map<string, T> =>
  new Map(rows.map((row) => [row.id, row]));

/** Checks that the cloud makes sense, whatever was asked of it; throws an AssertionError that says what does not. */
export function assertSound(cloud: CloudRows, instanceQuota: number): void {
  const all = new Set<string>();
  for (const [name, region] of Object.entries(cloud.regions)) {
    for (const rows of Object.values(region) as unknown[]) {
      if (!Array.isArray(rows)) continue;
      for (const row of rows as { id: string; region: string }[]) {
        assert.ok(!all.has(row.id), `${row.id} is in two places`);
        all.add(row.id);
        assert.equal(row.region, name, `${row.id} is in another region than it says`);
      }
    }
    assertDisks(region);
    assertInstances(region, instanceQuota);
    assertImages(region);
    assertSnapshots(region);
    assertNetworks(region);
  }
  assertMoving(cloud);
}

/** A disk is on one instance, or on none; both sides say the same. */
function assertDisks({ disks, instances }: RegionRows): void {
  const holder = new Map<string, string>();
  const known = byId(disks);
  for (const instance of instances) {
    for (const id of [instance.systemDiskId, ...instance.dataDiskIds]) {
      assert.ok(!holder.has(id), `the disk ${id} is on ${instance.id} and on ${holder.get(id)!}`);
      holder.set(id, instance.id);
      const disk = known.get(id);
      assert.ok(disk !== undefined, `${instance.id} has the disk ${id}, which does not exist`);
      assert.deepEqual(
        [disk.account, disk.zone],
        [instance.account, instance.zone],
        `${id} is elsewhere than its instance`,
      );
    }
  }
  for (const disk of disks) {
    assert.equal(disk.instanceId, holder.get(disk.id) ?? null, `${disk.id} and its instance disagree`);
    const loose = disk.state === 'UNATTACHED';
    if (loose) assert.equal(disk.instanceId, null, `${disk.id} is UNATTACHED on ${disk.instanceId!}`);
    if (disk.usage === 'SYSTEM_DISK') assert.notEqual(disk.instanceId, null, `the system disk ${disk.id} is left over`);
  }
}

/** What the documentation allows at most, beside what can be set. */
const quotas = {
  dataDisks: 20,
  keyPairs: 100,
  vpcs: 20,
  subnetsInVpc: 100,
  securityGroups: 50,
  policies: 100,
  shares: 50,
};

function assertInstances(region: RegionRows, quota: number): void {
  const [subnets, groups, keys] = [byId(region.subnets), byId(region.securityGroups), byId(region.keyPairs)];
  const addresses = new Set<string>();
  const perZone = new Map<string, number>();
  for (const instance of region.instances) {
    const subnet = subnets.get(instance.subnetId);
    assert.ok(subnet !== undefined, `${instance.id} is in ${instance.subnetId}, which does not exist`);
    assert.equal(subnet.vpcId, instance.vpcId);
    assert.equal(subnet.account, instance.account);
    const address = `${instance.subnetId} ${instance.privateIp}`;
    assert.ok(!addresses.has(address), `two instances have ${address}`);
    addresses.add(address);
    for (const id of instance.securityGroupIds)
      assert.equal(groups.get(id)?.account, instance.account, `${instance.id} has ${id}, which is not there`);
    for (const id of instance.keyIds)
      assert.equal(keys.get(id)?.account, instance.account, `${instance.id} has ${id}, which is not there`);
    const disks = instance.dataDiskIds.length;
    assert.ok(disks <= quotas.dataDisks, `${instance.id} has ${disks} data disks`);
    const place = `${instance.account} ${instance.zone} ${instance.chargeType}`;
    perZone.set(place, (perZone.get(place) ?? 0) + 1);
  }
  for (const [place, count] of perZone) assert.ok(count <= quota, `${count} instances in ${place}`);
}

/** An image and its snapshots name each other. */
function assertImages({ images, snapshots, keyPairs, imageQuota }: RegionRows): void {
  const [known, keys] = [byId(snapshots), byId(keyPairs)];
  const names = new Set<string>();
  const counts = new Map<string, number>();
  for (const image of images) {
    const name = `${image.account} ${image.name}`;
    assert.ok(!names.has(name), `two images are called ${name}`);
    names.add(name);
    counts.set(image.account, (counts.get(image.account) ?? 0) + 1);
    assert.equal(image.snapshots.filter((part) => part.usage === 'SYSTEM_DISK').length, 1, `${image.id} boots nothing`);
    for (const { id } of image.snapshots) {
      const snapshot = known.get(id);
      assert.ok(snapshot !== undefined, `${image.id} has the snapshot ${id}, which does not exist`);
      assert.ok(snapshot.imageIds.includes(image.id), `${id} does not know that ${image.id} has it`);
      assert.equal(snapshot.account, image.account);
      if (image.state === 'NORMAL')
        assert.ok(
          !['CREATING', 'COPYING_FROM_REMOTE', 'CHECKING_COPIED', 'TORECYCLE'].includes(snapshot.state),
          `${image.id} is done before ${id}`,
        );
    }
    for (const id of image.keyIds) assert.ok(keys.has(id), `${image.id} brings ${id}, which does not exist`);
    assert.ok(image.shares.length <= quotas.shares, `${image.id} is shared too often`);
    if (image.shares.length > 0)
      assert.ok(image.state === 'NORMAL' || image.state === 'SYNCING', `${image.id} is shared but ${image.state}`);
  }
  for (const count of counts.values()) assert.ok(count <= imageQuota, `${count} images, ${imageQuota} allowed`);
}

function assertSnapshots({ snapshots, images, snapshotGroups }: RegionRows): void {
  const [imagesById, groups] = [byId(images), byId(snapshotGroups)];
  for (const snapshot of snapshots) {
    for (const id of snapshot.imageIds) {
      const image = imagesById.get(id);
      assert.ok(
        image?.snapshots.some((part) => part.id === snapshot.id),
        `${snapshot.id} is bound to ${id}, which does not have it`,
      );
    }
    if (snapshot.state === 'TORECYCLE')
      assert.deepEqual(
        [snapshot.imageIds, snapshot.groupId, snapshot.shares],
        [[], null, []],
        `${snapshot.id} is deleted`,
      );
    if (snapshot.groupId !== null)
      assert.ok(groups.get(snapshot.groupId)?.snapshotIds.includes(snapshot.id), `${snapshot.id} is not in its group`);
    assert.ok(snapshot.shares.length <= quotas.shares, `${snapshot.id} is shared too often`);
    if (snapshot.shares.length > 0) assert.equal(snapshot.usage, 'DATA_DISK');
    assert.ok(
      !snapshot.shares.some((share) => share.account === snapshot.account),
      `${snapshot.id} is shared with its owner`,
    );
  }
  const known = byId(snapshots);
  for (const group of snapshotGroups) {
    assert.ok(group.snapshotIds.length > 0, `${group.id} is empty`);
    for (const id of group.snapshotIds) assert.equal(known.get(id)?.groupId, group.id, `${group.id} has ${id}`);
  }
}

/** Never more than `most` rows with the same word. */
function assertAtMost<T>(most: number, what: string, rows: readonly T[], word: (row: T) => string): void {
  const counts = new Map<string, number>();
  for (const row of rows) counts.set(word(row), (counts.get(word(row)) ?? 0) + 1);
  for (const [of, count] of counts) assert.ok(count <= most, `${count} ${what} of ${of}, ${most} allowed`);
}

function assertNetworks({ subnets, vpcs, securityGroups, keyPairs }: RegionRows): void {
  assertAtMost(quotas.vpcs, 'VPCs', vpcs, (vpc) => vpc.account);
  assertAtMost(quotas.subnetsInVpc, 'subnets', subnets, (subnet) => subnet.vpcId);
  assertAtMost(quotas.securityGroups, 'security groups', securityGroups, (group) => group.account);
  assertAtMost(quotas.keyPairs, 'key pairs', keyPairs, (key) => key.account);
  for (const { id, ingress, egress } of securityGroups)
    assert.ok(Math.max(ingress.length, egress.length) <= quotas.policies, `${id} has too many policies`);
  const [known, groups] = [byId(vpcs), byId(securityGroups)];
  for (const subnet of subnets)
    assert.ok(known.has(subnet.vpcId), `${subnet.id} is in ${subnet.vpcId}, which does not exist`);
  for (const group of securityGroups)
    for (const { groupId } of [...group.ingress, ...group.egress])
      assert.ok(groupId === '' || groups.has(groupId), `${group.id} lets ${groupId} in, which does not exist`);
}

const inTransit: ReadonlySet<string> = new Set([
  ...['PENDING', 'STARTING', 'STOPPING', 'REBOOTING', 'TERMINATING', 'LAUNCH_FAILED'],
  ...['ATTACHING', 'DETACHING', 'EXPANDING', 'ROLLBACKING', 'CREATING', 'COPYING_FROM_REMOTE', 'SYNCING'],
  ...['CHECKING_COPIED', 'TORECYCLE'],
]);

/** What is on its way gets there: something will happen to it. */
function assertMoving(cloud: CloudRows): void {
  const targets = new Set(
    cloud.happenings.flatMap((one) => [one.target, String(one.data.snapshot), String(one.data.image)]),
  );
  const operations = new Set(cloud.happenings.map((happening) => happening.operation));
  for (const region of Object.values(cloud.regions)) {
    for (const row of [...region.instances, ...region.disks, ...region.snapshots, ...region.images])
      if (inTransit.has(row.state)) assert.ok(targets.has(row.id), `${row.id} is ${row.state} for ever`);
    for (const { id, operation } of region.instances)
      if (operation?.state === 'OPERATING') assert.ok(operations.has(operation.requestId), `${id} is busy for ever`);
  }
}

/** Checks that nothing is on its way any more. */
export function assertSettled(cloud: CloudRows): void {
  for (const region of Object.values(cloud.regions))
    for (const row of [...region.instances, ...region.disks, ...region.snapshots, ...region.images])
      assert.ok(!inTransit.has(row.state), `${row.id} is still ${row.state}`);
}
