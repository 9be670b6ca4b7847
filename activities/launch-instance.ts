import { ApplicationFailure } from '@temporalio/activity';
import { type BuildActivities, type LaunchedInstance, tagKeys } from '../contract';
import { checkSnapshots } from './allowed';
import type { Disk, Instance, RequestOf } from './cloud/cloud';
import type { Goal } from './engine/goal';
import type { StepRun } from './engine/run';
import { listed, noLongerOurs, step } from './engine/step';
import { loseGone } from './gone';
import { describeState, isDoomed, isOperating } from './source-instance';

type Input = Parameters<BuildActivities['launchInstance']>[0];

/**
 * Launches an instance from the image, with new data disks from the snapshots, and waits until it is RUNNING.
 *
 * CVM RunInstances takes a ClientToken, derived from build, run and generation; its lifetime is not documented, so the
 * instance is looked up by the build's tag first all the same. LAUNCH_FAILED is final. A spot instance on its way out was
 * taken away. After a reset the instance may be of another try of the runs before: it is the build's one instance all the same.
 */
export const launchInstance = step<Input, LaunchedInstance>('step', async (run, input) => {
  const { imageId, snapshots } = input;
  await checkSnapshots(
    run,
    snapshots.map(({ snapshotId }) => snapshotId),
  );
  let id: string | undefined;
  const spot = input.settings.chargeType === 'SPOTPAID';
  const asked = { ...input, source: { ...input.source, systemDisk: await systemDiskOf(run, input) } };
  const wanted: Goal<Instance> = {
    title: 'new instance',
    look: async () => {
      if (id !== undefined) return run.cloud.instances.look(id);
      const seen = launchedBefore(run, input, await run.cloud.instancesByTag(tagKeys.build, run.owner));
      id = seen?.InstanceId;
      return seen;
    },
    watch: () => (id === undefined ? undefined : { on: run.cloud.instances, id }),
    judge: (seen) => {
      if (!seen && id !== undefined) {
        if (spot) return { is: 'missing', ...reclaimed(id) };
        return {
          is: 'missing',
          code: 'InstanceGone',
          // The cloud shows one that is LAUNCH_FAILED for a few minutes only: nobody may have looked in time.
          message: `the new instance ${id} is gone before it was RUNNING: its launch failed and the cloud took it away, or somebody else terminated it`,
          advice: 'The image and its snapshots are kept: launch it again.',
        };
      }
      if (!seen) return { is: 'act' };
      run.remember({ type: 'instance', id: seen.InstanceId!, fate: 'made' });
      if (seen.InstanceState === 'RUNNING' && !isOperating(seen)) return { is: 'done' };
      // That it never came up says something about its image, as with any other.
      if (spot && isDoomed(seen) && seen.InstanceState !== 'LAUNCH_FAILED') {
        return { is: 'wrong', ...reclaimed(seen.InstanceId!) };
      }
      if (['LAUNCH_FAILED', 'SHUTDOWN', 'TERMINATING', 'STOPPED'].includes(seen.InstanceState ?? '')) {
        const reason = seen.LatestOperationErrorMsg ? `: ${seen.LatestOperationErrorMsg}` : '';
        return {
          is: 'wrong',
          code: 'LaunchFailed',
          message: `the new instance ${id ?? ''} did not come up (${seen.InstanceState ?? ''})${reason}`,
          advice: 'The image and its snapshots are kept: launch it again with other settings.',
        };
      }
      return { is: 'going', waitingFor: describeState(seen) };
    },
    act: {
      action: 'RunInstances',
      // The token holds the run's ID: after a reset it is a new one, and guards against nothing that the old run did.
      repeatable: !run.build.reset,
      call: async () => {
        const { InstanceIdSet } = await run.cloud.call('cvm', 'RunInstances', requestFor(run, asked));
        id = InstanceIdSet?.[0];
        if (id !== undefined) run.remember({ type: 'instance', id, fate: 'made' });
        return undefined;
      },
    },
  };
  const parts = {
    image: [imageId],
    snapshot: snapshots.map(({ snapshotId }) => snapshotId),
  };
  const instance = await run.achieve(wanted).catch(async (error: unknown) => {
    if (error instanceof ApplicationFailure && (error.type ?? '').includes('NotFound')) await loseGone(run, parts);
    throw error;
  });
  return factsOf(instance!, input);
});

/** That a spot instance is taken away says nothing about its image or the settings. */
const reclaimed = (instanceId: string) => ({
  code: 'SpotReclaimed',
  message: `the new spot instance ${instanceId} was taken away before it was RUNNING`,
  advice:
    'The image and its snapshots are kept: launch it again. With chargeType POSTPAID_BY_HOUR no instance is taken away.',
});

/**
 * The instance that this build has launched from the image: this try's own. A run that began with a reset counts its tries
 * from there, so that one of whichever try stands for this one: it was launched by the runs before, and may be kept.
 */
function launchedBefore(run: StepRun, { imageId, generation }: Input, ours: Instance[]): Instance | undefined {
  const ofImage = ours.filter((one) => one.ImageId === imageId && one.InstanceState !== 'TERMINATING');
  const own = ofImage.find(({ Tags }) => run.isOf(generation, Tags));
  if (!run.build.reset || (own && !isDoomed(own))) return own;
  const before = ofImage.filter((one) => !isDoomed(one));
  return before.find(({ Tags }) => run.isKept(Tags)) ?? before[0] ?? own;
}

/** The source's system disk, at least as large as the image's: it may have grown since it was inspected. */
async function systemDiskOf(run: StepRun, { imageId, source }: Input): Promise<Input['source']['systemDisk']> {
  const image = await run.patiently(`image ${imageId}`, () => run.cloud.images.look(imageId));
  const { DiskSize = 0 } = image?.SnapshotSet?.find(({ DiskUsage }) => DiskUsage === 'SYSTEM_DISK') ?? {};
  return { ...source.systemDisk, size: Math.max(source.systemDisk.size, DiskSize) };
}

/** The whole RunInstances request. */
export function requestFor(run: StepRun, input: Input): RequestOf<'cvm', 'RunInstances'> {
  const { build, runId, generation, imageId, snapshots, dataDisks } = input;
  const typeOf = new Map(dataDisks.map(({ diskId, type }) => [diskId, type]));
  return {
    ...launchRequest(input.settings, input.source),
    ImageId: imageId,
    // At most 64 ASCII characters: the run's ID is 36 long.
    ClientToken: `${runId}-${build.instanceId.slice(4)}-${generation}`,
    TagSpecification: [{ ResourceType: 'instance', Tags: run.tags(input.settings.tags, generation) }],
    ...(snapshots.length > 0
      ? {
          DataDisks: snapshots.map(({ snapshotId, diskId, size }) => ({
            SnapshotId: snapshotId,
            DiskSize: size,
            DiskType: typeOf.get(diskId) ?? 'CLOUD_PREMIUM',
            DeleteWithInstance: true,
          })),
        }
      : {}),
  };
}

/** The part of a RunInstances request that the settings decide; what they leave open is taken from the source. */
export function launchRequest(
  settings: Input['settings'],
  source: Pick<Input['source'], 'zone' | 'instanceType' | 'vpcId' | 'subnetId' | 'securityGroupIds' | 'systemDisk'>,
): RequestOf<'cvm', 'RunInstances'> {
  // The source's subnet lies in the source's zone.
  const network = settings.vpcId ? settings : settings.zone === source.zone ? source : undefined;
  const groups = settings.securityGroupIds.length > 0 ? settings.securityGroupIds : source.securityGroupIds;
  const systemDiskType = settings.systemDisk.type ?? source.systemDisk.type;
  const keepLogin = settings.keepImageLogin ?? settings.keyIds.length === 0;
  return {
    InstanceChargeType: settings.chargeType,
    Placement: { Zone: settings.zone },
    InstanceType: settings.instanceType ?? source.instanceType,
    SystemDisk: {
      // A local disk type goes with the host; the image fits on the default type as well.
      ...(systemDiskType.startsWith('CLOUD_') ? { DiskType: systemDiskType } : {}),
      DiskSize: settings.systemDisk.size ?? source.systemDisk.size,
    },
    ...(network?.vpcId && network.subnetId
      ? { VirtualPrivateCloud: { VpcId: network.vpcId, SubnetId: network.subnetId } }
      : {}),
    ...(groups.length > 0 ? { SecurityGroupIds: groups } : {}),
    InternetAccessible: {
      InternetMaxBandwidthOut: settings.publicBandwidth,
      PublicIpAssigned: settings.publicBandwidth > 0,
      ...(settings.publicBandwidth > 0 ? { InternetChargeType: 'TRAFFIC_POSTPAID_BY_HOUR' } : {}),
    },
    LoginSettings: keepLogin ? { KeepImageLogin: 'true' } : { KeyIds: settings.keyIds },
    InstanceCount: 1,
    ...(settings.name === undefined ? {} : { InstanceName: settings.name }),
    ...(settings.hostName === undefined ? {} : { HostName: settings.hostName }),
    ...(settings.userData === undefined ? {} : { UserData: Buffer.from(settings.userData).toString('base64') }),
    ...(settings.camRole === undefined ? {} : { CamRoleName: settings.camRole }),
  };
}

function factsOf(instance: Instance, { settings, snapshots }: Input): LaunchedInstance {
  return {
    instanceId: instance.InstanceId!,
    name: instance.InstanceName ?? '',
    zone: instance.Placement?.Zone ?? settings.zone,
    privateIps: instance.PrivateIpAddresses ?? [],
    publicIps: instance.PublicIpAddresses ?? [],
    systemDiskId: instance.SystemDisk?.DiskId ?? '',
    // The API lists data disks in the order in which they were asked for.
    dataDisks: (instance.DataDisks ?? []).map((disk, index) => ({
      diskId: disk.DiskId!,
      size: disk.DiskSize,
      snapshotId: disk.SnapshotId ?? snapshots[index]?.snapshotId,
    })),
  };
}

/**
 * An instance of ours that is to be gone. CVM TerminateInstances refuses one that is PENDING, so that is waited for; one
 * that never came up (LAUNCH_FAILED) may be refused too, and then it is nothing that runs or costs.
 *
 * @param harmless takes the ID of such a one
 */
export function goneInstance(run: StepRun, id: string, harmless: Set<string>): Goal<Instance> {
  return {
    title: `instance ${id}`,
    look: () => run.cloud.instances.look(id),
    watch: () => ({ on: run.cloud.instances, id }),
    judge: (seen) => {
      if (!seen || harmless.has(id)) {
        run.gone(id);
        return { is: 'done' };
      }
      run.remember({ type: 'instance', id, fate: 'leftover' });
      const going = ['PENDING', 'TERMINATING', 'STARTING', 'STOPPING', 'REBOOTING'].includes(seen.InstanceState ?? '');
      return going ? { is: 'going', waitingFor: describeState(seen) } : { is: 'act' };
    },
    act: {
      action: 'TerminateInstances',
      repeatable: true,
      call: async () => {
        try {
          await run.cloud.call('cvm', 'TerminateInstances', { InstanceIds: [id] });
        } catch (error) {
          if ((error as { code?: string }).code !== 'UnsupportedOperation.InstanceStateLaunchFailed') throw error;
          harmless.add(id);
        }
        return undefined;
      },
      lookAgain: /^(InvalidInstanceId\.NotFound|UnsupportedOperation\.InstanceState)/,
    },
  };
}

/** Returned disks are shown for a while before they are gone. */
const isReturned = (disk: Disk) => disk.DiskState === 'TORECYCLE';

type UndoInput = Parameters<BuildActivities['undoLaunchInstance']>[0];
type UndoOutput = Awaited<ReturnType<BuildActivities['undoLaunchInstance']>>;

/**
 * Terminates the instances that the build launched, found by its tag, and the disks of theirs that stay behind. What is
 * tagged as kept stays, and is listed so: the instance carries that tag last, after its disks.
 */
export const undoLaunchInstance = step<UndoInput, UndoOutput>('undo', async (run, input) => {
  const { known, unknownOutcome, keep } = input;
  const harmless = new Set<string>();
  /** Disks of the instances that were seen, with their instance. */
  const ownerOf = new Map<string, string>();
  const instances = await run.clear<Instance>({
    title: 'instances of the build',
    find: async () => {
      const ours = await run.cloud.instancesByTag(tagKeys.build, run.owner);
      for (const one of ours)
        for (const disk of [one.SystemDisk, ...(one.DataDisks ?? [])])
          if (disk?.DiskId !== undefined) ownerOf.set(disk.DiskId, one.InstanceId!);
      return ours.filter(({ InstanceId }) => !harmless.has(InstanceId!));
    },
    idOf: ({ InstanceId }) => InstanceId!,
    keep: ({ Tags }) => keep === true || run.isKept(Tags),
    goal: (id) => goneInstance(run, id, harmless),
    known,
    unknownOutcome,
    byId: async (id) => {
      const seen = await run.cloud.instances.look(id);
      return seen && isDoomed(seen) ? undefined : seen;
    },
  });
  /** Disks of the instances, with whether their instance stays. */
  const theirs = new Map([...ownerOf].map(([disk, instance]) => [disk, instances.kept.includes(instance)]));
  for (const { SystemDisk, DataDisks = [] } of instances.foreign) {
    for (const disk of [SystemDisk, ...DataDisks]) if (disk?.DiskId !== undefined) theirs.set(disk.DiskId, true);
  }
  const disks = await run.clear<Disk>({
    title: 'disks of the build',
    // The disks of an instance that never came up go with it, whenever that is.
    find: async () =>
      (await run.cloud.disksByTag(tagKeys.build, run.owner)).filter(
        (disk) => !isReturned(disk) && !harmless.has(disk.InstanceId ?? ''),
      ),
    idOf: ({ DiskId }) => DiskId!,
    keep: ({ DiskId, Tags }) => theirs.get(DiskId!) ?? (keep === true || run.isKept(Tags)),
    goal: (id) => goneDisk(run, id),
    known: [],
    unknownOutcome,
  });
  const withInstance = (stay: boolean) => [...theirs].filter(([, stays]) => stays === stay).map(([id]) => id);
  const all = (...ids: string[][]) => [...new Set(ids.flat())];
  return {
    resources: [
      ...listed('instance', instances.removed, 'deleted'),
      ...listed('instance', instances.kept, 'kept'),
      ...listed(
        'instance',
        instances.foreign.map(({ InstanceId }) => InstanceId!),
        'kept',
        noLongerOurs,
      ),
      ...listed('disk', all(disks.removed, withInstance(false)), 'deleted'),
      ...listed('disk', all(disks.kept, withInstance(true)), 'kept'),
    ],
  };
});

/** A disk that is to be gone. CBS TerminateDisks takes only UNATTACHED disks, so the end of its instance is waited for. */
export function goneDisk(run: StepRun, id: string): Goal<Disk> {
  return {
    title: `disk ${id}`,
    look: async () => (await run.cloud.disksByTag(tagKeys.build, run.owner)).find(({ DiskId }) => DiskId === id),
    judge: (seen) => {
      if (!seen || isReturned(seen)) {
        run.gone(id);
        return { is: 'done' };
      }
      run.remember({ type: 'disk', id, fate: 'leftover' });
      return seen.DiskState === 'UNATTACHED'
        ? { is: 'act' }
        : { is: 'going', waitingFor: `disk ${id}: ${seen.DiskState ?? 'unknown'}` };
    },
    act: {
      action: 'TerminateDisks',
      repeatable: true,
      call: async () => {
        await run.cloud.call('cbs', 'TerminateDisks', { DiskIds: [id] });
        return undefined;
      },
      // The action has no code of its own for a disk that is gone, and may still be described.
      lookAgain: /^(ResourceUnavailable\.RepeatRefund|InvalidDisk\w*\.NotFound|InvalidParameterValue$)/,
    },
  };
}
