import { ApplicationFailure } from '@temporalio/activity';
import { type BuildActivities, type BuildSpec, type Disk, type SourceFacts } from '../contract';
import { checkClaim, checkSourceTag } from './allowed';
import type { Instance } from './cloud/cloud';
import type { StepRun } from './engine/run';
import { step } from './engine/step';
import { launchRequest } from './launch-instance';
import { webhookAdvice } from './notify';
import { describeState, instanceById, isClaimed, isOperating, isTransitional } from './source-instance';

type Input = Parameters<BuildActivities['inspectSource']>[0];

/**
 * Looks at everything that could refuse the build later, and refuses it now: the instance and its disks, what the worker
 * allows, the image name, the launch settings. Changes nothing; an instance that is just starting or stopping is waited
 * for.
 */
export const inspectSource = step<Input, SourceFacts>('before changes', async (run, { build, spec, imageName }) => {
  checkWebhook(run, spec);
  const instance = await findInstance(run, build.instanceId);
  // A restore tag of ours on a server that is down: said before anything else can refuse the build.
  run.claimed = isClaimed(run, instance) && instance.InstanceState !== 'RUNNING';
  checkInstance(run, instance);
  const source = await sourceFacts(run, instance, spec);
  await checkImageName(run, imageName);
  if (spec.launch) await checkLaunch(run, spec.launch, source, instance);
  return { ...source, accountId: await run.patiently('account', () => run.cloud.accountId()) };
});

/** A webhook that the worker does not have is told before anything is touched, not when somebody is to be told. */
function checkWebhook(run: StepRun, { notify }: BuildSpec): void {
  const { webhooks } = run.settings;
  if (notify === undefined || webhooks[notify]) return;
  throw run.refusal('NoSuchWebhook', `this worker has no webhook ${notify}`, webhookAdvice(webhooks));
}

async function findInstance(run: StepRun, instanceId: string): Promise<Instance> {
  const instance = await run.achieve({
    ...instanceById(run, instanceId),
    judge: (seen) => {
      if (!seen) {
        return {
          is: 'wrong',
          code: 'InstanceNotFound',
          message: `there is no instance ${instanceId} in ${run.build.region}`,
          advice: 'Check the instance ID, the region and the account of the worker.',
        };
      }
      return isTransitional(seen) || isOperating(seen)
        ? { is: 'going', waitingFor: describeState(seen) }
        : { is: 'done' };
    },
  });
  return instance!;
}

function checkInstance(run: StepRun, instance: Instance): void {
  const id = instance.InstanceId!;
  checkSourceTag(run, instance);
  checkClaim(run, instance);
  if (instance.RestrictState !== undefined && instance.RestrictState !== 'NORMAL') {
    throw run.refusal('InstanceRestricted', `${id} is restricted (${instance.RestrictState})`);
  }
  const state = instance.InstanceState ?? 'unknown';
  if (state !== 'RUNNING' && state !== 'STOPPED') {
    throw run.refusal('InstanceState', `${id} is ${state}; only a RUNNING or STOPPED instance can be imaged`);
  }
  if (state === 'STOPPED' && instance.StopChargingMode === 'STOP_CHARGING') {
    throw run.refusal(
      'UnsupportedOperation.StoppedModeStopCharging',
      `${id} was stopped without charging (STOP_CHARGING), and CreateImage refuses that`,
      'Start it, or stop it again with KEEP_CHARGING.',
    );
  }
}

async function sourceFacts(run: StepRun, instance: Instance, spec: BuildSpec): Promise<SourceFacts> {
  const id = instance.InstanceId!;
  const windows = /windows/i.test(instance.OsName ?? '');
  if (spec.sysprep && !windows) {
    throw run.refusal(
      'SysprepNotSupported',
      `${id} runs ${instance.OsName ?? 'no Windows'}: sysprep is for Windows only`,
    );
  }
  const { DiskSet = [] } = await run.patiently(`disks of ${id}`, () =>
    run.cloud.call('cbs', 'DescribeDisks', { Filters: [{ Name: 'instance-id', Values: [id] }], Limit: 100 }),
  );
  const details = new Map(DiskSet.map((disk) => [disk.DiskId, disk]));
  const diskOf = (
    disk: { DiskId?: string; DiskSize?: number; DiskType?: string } | undefined,
    usage: Disk['usage'],
  ): Disk => ({
    diskId: disk?.DiskId ?? '',
    usage,
    size: disk?.DiskSize ?? 0,
    type: disk?.DiskType ?? details.get(disk?.DiskId)?.DiskType ?? '',
  });

  const systemDisk = diskOf(instance.SystemDisk, 'SYSTEM_DISK');
  if (instance.SystemDisk?.Encrypt === true || details.get(systemDisk.diskId)?.Encrypt === true) {
    throw run.refusal(
      'UnsupportedOperation.EncryptedImagesNotSupported',
      `the system disk ${systemDisk.diskId} of ${id} is encrypted, and CreateImage refuses that`,
    );
  }
  if (isLocal(systemDisk) && spec.method === 'snapshots') {
    throw run.refusal(
      'LocalSystemDisk',
      `the system disk of ${id} is local (${systemDisk.type}) and takes no snapshots`,
      'Use method: instance.',
    );
  }
  const all = (instance.DataDisks ?? []).map((disk) => diskOf(disk, 'DATA_DISK'));
  const dataDisks = chosenDisks(run, all, spec.dataDisks);
  for (const disk of [...dataDisks, ...(spec.method === 'snapshots' ? [systemDisk] : [])]) {
    if (isLocal(disk)) {
      throw run.refusal(
        'InvalidParameter.LocalDataDiskNotSupport',
        `data disk ${disk.diskId} of ${id} is local (${disk.type}): it takes no snapshots, and no image can hold it`,
        'Leave it out: dataDisks: none, or a list of the cloud disks.',
      );
    }
    if (details.get(disk.diskId)?.SnapshotAbility === false) {
      throw run.refusal('InvalidDisk.NotSupportSnapshot', `disk ${disk.diskId} of ${id} takes no snapshots`);
    }
  }
  return {
    instanceId: id,
    name: instance.InstanceName ?? '',
    zone: instance.Placement?.Zone ?? '',
    instanceType: instance.InstanceType ?? '',
    osName: instance.OsName ?? '',
    windows,
    // A restore tag says more than the state: an earlier run stopped the instance and did not live to start it.
    wasRunning: instance.InstanceState === 'RUNNING' || isClaimed(run, instance),
    claimed: isClaimed(run, instance),
    vpcId: instance.VirtualPrivateCloud?.VpcId,
    subnetId: instance.VirtualPrivateCloud?.SubnetId,
    securityGroupIds: instance.SecurityGroupIds ?? [],
    systemDisk,
    dataDisks,
  };
}

const isLocal = (disk: Disk) => disk.type.startsWith('LOCAL_');

function chosenDisks(run: StepRun, all: Disk[], choice: BuildSpec['dataDisks']): Disk[] {
  if (choice === 'none') return [];
  if (typeof choice === 'string') return all;
  const unknown = choice.filter((id) => !all.some(({ diskId }) => diskId === id));
  if (unknown.length > 0) {
    const known = all.map(({ diskId }) => diskId).join(', ') || 'none';
    throw run.refusal(
      'InvalidParameter.DataDiskNotBelongSpecifiedInstance',
      `${unknown.join(', ')}: not a data disk of ${run.build.instanceId}; its data disks are ${known}`,
    );
  }
  return all.filter(({ diskId }) => choice.includes(diskId));
}

/** Image names are unique in a region; one that this build has already made (before a reset) is its own. */
async function checkImageName(run: StepRun, name: string): Promise<void> {
  if (name.length > 60) {
    throw run.refusal(
      'InvalidParameterValue.TooLarge',
      `the image name ${name} has ${name.length} characters; 60 are allowed`,
    );
  }
  const existing = await run.patiently(`image ${name}`, () => run.cloud.imageByName(name));
  if (existing && !run.owns(existing.Tags)) {
    throw run.refusal(
      'InvalidImageName.Duplicate',
      `there is already an image ${name}: ${existing.ImageId ?? ''}, made ${existing.CreatedTime ?? 'before'}`,
      'Choose another image name, or put {date} and {time} into it.',
    );
  }
}

/**
 * Asks the cloud what it thinks of the launch, by a RunInstances with DryRun. The image does not exist yet, so the
 * source's own stands in for it, and refusals that are about that one say nothing.
 */
async function checkLaunch(
  run: StepRun,
  settings: NonNullable<BuildSpec['launch']>,
  source: SourceFacts,
  instance: Instance,
): Promise<void> {
  if (settings.systemDisk.size !== undefined && settings.systemDisk.size < source.systemDisk.size) {
    throw run.refusal(
      'SystemDiskTooSmall',
      `launch.systemDisk.size: ${settings.systemDisk.size} GiB is less than the source's ${source.systemDisk.size} GiB`,
    );
  }
  if (source.windows && (settings.hostName?.length ?? 0) > 15) {
    throw run.refusal('InvalidParameterValue.IllegalHostName', 'launch.hostName: Windows allows 15 characters');
  }
  const request = launchRequest(settings, source);
  // KeepImageLogin goes only with custom images, which the stand-in may not be.
  if (request.LoginSettings?.KeepImageLogin) delete request.LoginSettings;
  try {
    await run.patiently('launch settings', () =>
      run.cloud.call('cvm', 'RunInstances', { ...request, ImageId: instance.ImageId ?? '', DryRun: true }),
    );
  } catch (error) {
    if (error instanceof ApplicationFailure && error.type?.includes('Image')) return;
    throw error;
  }
}
