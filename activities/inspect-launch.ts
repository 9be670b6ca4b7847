import {
  type Disk,
  type DiskSnapshot,
  type ImageActivities,
  instanceIdOf,
  type LaunchPlan,
  type LaunchSpec,
  type Maker,
  ownBuild,
  type SourceFacts,
} from '../contract';
import type { Image, Instance, Snapshot } from './cloud/cloud';
import { snapshotsOfBuild } from './describe-image';
import type { StepRun } from './engine/run';
import { step } from './engine/step';
import { findImage, makerOf, nonEmpty } from './find-image';
import { requestFor } from './launch-instance';

type Input = Parameters<ImageActivities['inspectLaunch']>[0];

/**
 * Looks at everything that could refuse a launch, and refuses it now: the image, the snapshots for its data disks, the
 * settings (by a RunInstances with DryRun). Changes nothing.
 *
 * What the settings leave open is taken from the source instance of the build, as it is today: type, disk types and sizes,
 * security groups, and in the same zone the network. Where it is gone, the instance type has to be said.
 */
export const inspectLaunch = step<Input, LaunchPlan>('before changes', async (run, { build, spec }) => {
  const image = await findImage(run, spec.image);
  checkImage(run, image);
  const maker = builderOf(run, image, spec.build);
  const instance = await sourceOf(run, maker);
  const source = sourceFacts(run, image, instance, spec);
  const snapshots = spec.build === undefined || !maker ? [] : await diskSnapshots(run, image, maker);
  const plan: LaunchPlan = {
    image: {
      imageId: image.ImageId!,
      name: image.ImageName ?? '',
      size: image.ImageSize ?? 0,
      snapshotIds: (image.SnapshotSet ?? []).map(({ SnapshotId }) => SnapshotId!),
      family: nonEmpty(image.ImageFamily),
    },
    source: { ...source, accountId: await run.patiently('account', () => run.cloud.accountId()) },
    snapshots,
    dataDisks: source.dataDisks,
  };
  const request = requestFor(run, {
    build,
    generation: 1,
    runId: '',
    imageId: image.ImageId!,
    settings: spec.launch,
    ...plan,
  });
  // A token is for what is to happen once; a trial happens never.
  delete request.ClientToken;
  await run.patiently('launch settings', () => run.cloud.call('cvm', 'RunInstances', { ...request, DryRun: true }));
  return plan;
});

function checkImage(run: StepRun, image: Image): void {
  const what = `${image.ImageId!} (${image.ImageName ?? ''})`;
  if (image.ImageType === 'PUBLIC_IMAGE') {
    throw run.refusal('NotCustom', `${what} is a public image: only custom images are launched here`);
  }
  if (image.ImageState !== 'NORMAL') {
    throw run.refusal(
      'InvalidParameterValue.InvalidImageState',
      `${what} is ${image.ImageState ?? 'unknown'}; only a NORMAL image can be launched`,
    );
  }
}

/** The build that defaults and snapshots are taken from; undefined when no build made the image and none was named. */
function builderOf(run: StepRun, image: Image, named: string | undefined): Maker | undefined {
  const { installation } = run.settings;
  if (named !== undefined && named !== ownBuild) return { installation, buildId: named, ours: true };
  const maker = makerOf(run, image.Tags);
  if (named === ownBuild && !maker) {
    throw run.refusal(
      'BuildUnknown',
      `${image.ImageId!} carries no tag of a build, so that nobody can tell which data disks belong to it`,
      'Name the build whose snapshots are meant (build: ID), or launch without data disks.',
    );
  }
  return maker;
}

async function sourceOf(run: StepRun, maker: Maker | undefined): Promise<Instance | undefined> {
  const instanceId = maker && instanceIdOf(maker.buildId);
  if (instanceId === undefined) return undefined;
  return run.patiently(`source instance ${instanceId}`, () => run.cloud.instances.look(instanceId));
}

function sourceFacts(run: StepRun, image: Image, instance: Instance | undefined, spec: LaunchSpec): SourceFacts {
  const { launch: settings } = spec;
  if (!instance && settings.instanceType === undefined) {
    throw run.refusal(
      'InstanceTypeUnknown',
      `the instance that ${image.ImageId!} was made of is not known, and so is the instance type`,
      'Say which instance type: launch.instanceType, or --type.',
    );
  }
  const windows = /windows/i.test(`${image.Platform ?? ''} ${image.OsName ?? ''}`);
  if (windows && (settings.hostName?.length ?? 0) > 15) {
    throw run.refusal('InvalidParameterValue.IllegalHostName', 'launch.hostName: Windows allows 15 characters');
  }
  const diskOf = (disk: Instance['SystemDisk'] | undefined, usage: Disk['usage'], least: number): Disk => ({
    diskId: disk?.DiskId ?? '',
    usage,
    size: Math.max(disk?.DiskSize ?? 0, least),
    type: disk?.DiskType ?? '',
  });
  return {
    instanceId: instance?.InstanceId ?? '',
    name: instance?.InstanceName ?? '',
    zone: instance?.Placement?.Zone ?? '',
    instanceType: instance?.InstanceType ?? '',
    osName: image.OsName ?? '',
    windows,
    wasRunning: false,
    claimed: false,
    vpcId: instance?.VirtualPrivateCloud?.VpcId,
    subnetId: instance?.VirtualPrivateCloud?.SubnetId,
    securityGroupIds: instance?.SecurityGroupIds ?? [],
    systemDisk: diskOf(instance?.SystemDisk, 'SYSTEM_DISK', image.ImageSize ?? 0),
    dataDisks: (instance?.DataDisks ?? []).map((disk) => diskOf(disk, 'DATA_DISK', 0)),
  };
}

/** The snapshots of the build's data disks: the newest of each disk. Those that the image holds come with it anyway. */
async function diskSnapshots(run: StepRun, image: Image, maker: Maker): Promise<DiskSnapshot[]> {
  const inImage = new Set((image.SnapshotSet ?? []).map(({ SnapshotId }) => SnapshotId));
  const newest = new Map<string, Snapshot>();
  for (const snapshot of await snapshotsOfBuild(run, maker)) {
    if (snapshot.DiskUsage !== 'DATA_DISK' || inImage.has(snapshot.SnapshotId)) continue;
    const other = newest.get(snapshot.DiskId!);
    if (!other || (other.CreateTime ?? '') < (snapshot.CreateTime ?? '')) newest.set(snapshot.DiskId!, snapshot);
  }
  const found = [...newest.values()].sort((a, b) => (a.DiskId! < b.DiskId! ? -1 : 1));
  const holdsDisks = (image.SnapshotSet ?? []).some(({ DiskUsage }) => DiskUsage === 'DATA_DISK');
  if (found.length === 0 && !holdsDisks) {
    throw run.refusal(
      'SnapshotsNotFound',
      `there are no data-disk snapshots of build ${maker.buildId} in ${run.build.region}`,
      'Check the build ID and its region, or launch without data disks (leave build out).',
    );
  }
  const unready = found.find(({ SnapshotState }) => SnapshotState !== 'NORMAL');
  if (unready) {
    throw run.refusal(
      'SnapshotState',
      `snapshot ${unready.SnapshotId!} of build ${maker.buildId} is ${unready.SnapshotState ?? 'unknown'}, not NORMAL`,
      'Try again once its build is done.',
    );
  }
  return found.map((snapshot) => ({
    snapshotId: snapshot.SnapshotId!,
    diskId: snapshot.DiskId!,
    usage: 'DATA_DISK',
    size: snapshot.DiskSize ?? 0,
  }));
}
