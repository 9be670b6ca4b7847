import { ApplicationFailure } from '@temporalio/activity';
import { type BuildActivities, type BuildSpec, type Disk, type SourceFacts } from '../contract';
import { checkClaim, checkSourceTag } from './allowed';
import type { Instance } from './cloud/cloud';
import type { StepRun } from './engine/run';
import { step } from './engine/step';
import { launchRequest } from './launch-instance';
import { madeBefore } from './made-before';
import { webhookAdvice } from './notify';
import { describeState, instanceById, isBusy, isClaimed, provesClaimed } from './source-instance';

type Input = Parameters<BuildActivities['inspectSource']>[0];

/**
 * Looks at everything that could refuse the build later, and refuses it now: the instance and its disks, what the worker
 * allows, the image name, the launch settings. Changes nothing; an instance that is just starting or stopping is waited
 * for.
 */
export const inspectSource = step<Input, SourceFacts>('before changes', async (run, input) => {
  const { done, value } = await inspection(run, input, () => settledSource(run)).next();
  if (done !== true) throw value;
  return value;
});

/** Refusals, one after the other: a build ends with the first one, a plan goes on and lists them all. */
export type Refusals<T> = AsyncGenerator<Error, T, undefined>;

/**
 * The checks of `inspectSource` in their order. Yields what stands in the way of a build, and throws where looking on
 * makes no sense: what is not allowed, or is not there.
 *
 * @param find the source instance, in the state that is to be judged, and whether it carries our restore tag
 */
export async function* inspection(run: StepRun, input: Input, find: () => Promise<Found>): Refusals<SourceFacts> {
  const { spec, imageName } = input;
  yield* checkWebhook(run, spec);
  const { instance, claimed } = await find();
  // A restore tag of ours on a server that is down: said before anything else can refuse the build.
  run.claimed = claimed && instance.InstanceState !== 'RUNNING';
  yield* checkInstance(run, instance);
  const source = yield* sourceFacts(run, instance, spec, claimed);
  const made = yield* answerOf(madeBefore(run, spec, source));
  if (!made) {
    yield* checkImageName(run, imageName);
    if (spec.launch) yield* checkLaunch(run, spec.launch, source, instance);
  }
  const accountId = yield* answerOf(run.patiently('account', () => run.cloud.accountId()));
  return { ...source, accountId, ...(made ? { made } : {}) };
}

/** What the cloud refuses to tell stands in the way like everything else; `undefined` then. */
async function* answerOf<T>(call: Promise<T>): Refusals<T | undefined> {
  try {
    return await call;
  } catch (error) {
    const isRefusal = error instanceof ApplicationFailure && error.nonRetryable === true;
    if (!isRefusal || error.type === 'DeadlineExceeded') throw error;
    yield error;
    return undefined;
  }
}

/** A webhook that the worker does not have is told before anything is touched, not when somebody is to be told. */
function* checkWebhook(run: StepRun, { notify }: BuildSpec): Generator<Error, void, undefined> {
  const { webhooks } = run.settings;
  if (notify === undefined || webhooks[notify]) return;
  yield run.refusal('NoSuchWebhook', `this worker has no webhook ${notify}`, webhookAdvice(webhooks));
}

/** The source instance, and whether it carries our restore tag. */
interface Found {
  instance: Instance;
  claimed: boolean;
}

/**
 * The source, once it is neither starting nor stopping. One that is down may have been stopped by a build that was terminated since, whose
 * restore tag is yet to show; so may the tag of the runs before a reset.
 */
async function settledSource(run: StepRun): Promise<Found> {
  const { instanceId, reset } = run.build;
  const instance = await settledInstance(run, instanceId);
  const mayShow = reset || instance.InstanceState === 'STOPPED';
  return { instance, claimed: isClaimed(run, instance) || (mayShow && (await provesClaimed(run, instanceId))) };
}

/** The instance, once it is neither starting nor stopping. */
async function settledInstance(run: StepRun, instanceId: string): Promise<Instance> {
  const instance = await run.achieve({
    ...instanceById(run, instanceId),
    judge: (seen) => {
      if (!seen) return { is: 'wrong', ...noInstance(run, instanceId) };
      return isBusy(seen) ? { is: 'going', waitingFor: describeState(seen) } : { is: 'done' };
    },
  });
  return instance!;
}

/** The instance as it is now. */
export async function instanceNow(run: StepRun, instanceId: string): Promise<Instance> {
  const byId = instanceById(run, instanceId);
  const instance = await run.patiently(byId.title, byId.look);
  if (instance) return instance;
  const { code, message, advice } = noInstance(run, instanceId);
  throw run.refusal(code, message, advice);
}

const noInstance = (run: StepRun, instanceId: string) => ({
  code: 'InstanceNotFound',
  message: `there is no instance ${instanceId} in ${run.build.region}`,
  advice: 'Check the instance ID, the region and the account of the worker.',
});

async function* checkInstance(run: StepRun, instance: Instance): Refusals<void> {
  const id = instance.InstanceId!;
  checkSourceTag(run, instance);
  yield* answerOf(Promise.resolve().then(() => checkClaim(run, instance)));
  if (instance.RestrictState !== undefined && instance.RestrictState !== 'NORMAL') {
    yield run.refusal('InstanceRestricted', `${id} is restricted (${instance.RestrictState})`);
  }
  const state = instance.InstanceState ?? 'unknown';
  if (state !== 'RUNNING' && state !== 'STOPPED') {
    yield run.refusal('InstanceState', `${id} is ${state}; only a RUNNING or STOPPED instance can be imaged`);
  }
  if (state === 'STOPPED' && instance.StopChargingMode === 'STOP_CHARGING') {
    yield run.refusal(
      'UnsupportedOperation.StoppedModeStopCharging',
      `${id} was stopped without charging (STOP_CHARGING), and CreateImage refuses that`,
      'Start it, or stop it again with KEEP_CHARGING.',
    );
  }
}

async function* sourceFacts(
  run: StepRun,
  instance: Instance,
  spec: BuildSpec,
  claimed: boolean,
): Refusals<SourceFacts> {
  const id = instance.InstanceId!;
  const windows = /windows/i.test(instance.OsName ?? '');
  if (spec.sysprep && !windows) {
    yield run.refusal(
      'SysprepNotSupported',
      `${id} runs ${instance.OsName ?? 'no Windows'}: sysprep is for Windows only`,
    );
  }
  const described = yield* answerOf(
    run.patiently(`disks of ${id}`, () =>
      run.cloud.call('cbs', 'DescribeDisks', { Filters: [{ Name: 'instance-id', Values: [id] }], Limit: 100 }),
    ),
  );
  const details = new Map((described?.DiskSet ?? []).map((disk) => [disk.DiskId, disk]));
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
    yield run.refusal(
      'UnsupportedOperation.EncryptedImagesNotSupported',
      `the system disk ${systemDisk.diskId} of ${id} is encrypted, and CreateImage refuses that`,
    );
  }
  if (isLocal(systemDisk) && spec.method === 'snapshots') {
    yield run.refusal(
      'LocalSystemDisk',
      `the system disk of ${id} is local (${systemDisk.type}) and takes no snapshots`,
      'Use method: instance.',
    );
  }
  const all = (instance.DataDisks ?? []).map((disk) => diskOf(disk, 'DATA_DISK'));
  const dataDisks = yield* chosenDisks(run, all, spec.dataDisks);
  for (const disk of [...dataDisks, ...(spec.method === 'snapshots' ? [systemDisk] : [])]) {
    if (isLocal(disk) && disk.usage === 'DATA_DISK') {
      yield run.refusal(
        'InvalidParameter.LocalDataDiskNotSupport',
        `data disk ${disk.diskId} of ${id} is local (${disk.type}): it takes no snapshots, and no image can hold it`,
        'Leave it out: dataDisks: none, or a list of the cloud disks.',
      );
    }
    if (details.get(disk.diskId)?.SnapshotAbility === false) {
      yield run.refusal('InvalidDisk.NotSupportSnapshot', `disk ${disk.diskId} of ${id} takes no snapshots`);
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
    wasRunning: instance.InstanceState === 'RUNNING' || claimed,
    claimed,
    vpcId: instance.VirtualPrivateCloud?.VpcId,
    subnetId: instance.VirtualPrivateCloud?.SubnetId,
    securityGroupIds: instance.SecurityGroupIds ?? [],
    systemDisk,
    dataDisks,
  };
}

const isLocal = (disk: Disk) => disk.type.startsWith('LOCAL_');

function* chosenDisks(run: StepRun, all: Disk[], choice: BuildSpec['dataDisks']): Generator<Error, Disk[], undefined> {
  if (choice === 'none') return [];
  if (typeof choice === 'string') return all;
  const unknown = choice.filter((id) => !all.some(({ diskId }) => diskId === id));
  if (unknown.length > 0) {
    const known = all.map(({ diskId }) => diskId).join(', ') || 'none';
    yield run.refusal(
      'InvalidParameter.DataDiskNotBelongSpecifiedInstance',
      `${unknown.join(', ')}: not a data disk of ${run.build.instanceId}; its data disks are ${known}`,
    );
  }
  return all.filter(({ diskId }) => choice.includes(diskId));
}

/** Image names are unique in a region; one that this build has already made (before a reset) is its own. */
async function* checkImageName(run: StepRun, name: string): Refusals<void> {
  if (name.length > 60) {
    yield run.refusal(
      'InvalidParameterValue.TooLarge',
      `the image name ${name} has ${name.length} characters; 60 are allowed`,
    );
  }
  const existing = yield* answerOf(run.patiently(`image ${name}`, () => run.cloud.imageByName(name)));
  if (existing && !run.owns(existing.Tags)) {
    yield run.refusal(
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
async function* checkLaunch(
  run: StepRun,
  settings: NonNullable<BuildSpec['launch']>,
  source: SourceFacts,
  instance: Instance,
): Refusals<void> {
  // What is refused here already is left out of the DryRun, which would only say it again in other words.
  const asked = { ...settings };
  if (settings.systemDisk.size !== undefined && settings.systemDisk.size < source.systemDisk.size) {
    yield run.refusal(
      'SystemDiskTooSmall',
      `launch.systemDisk.size: ${settings.systemDisk.size} GiB is less than the source's ${source.systemDisk.size} GiB`,
    );
    asked.systemDisk = { type: settings.systemDisk.type };
  }
  if (source.windows && (settings.hostName?.length ?? 0) > 15) {
    yield run.refusal('InvalidParameterValue.IllegalHostName', 'launch.hostName: Windows allows 15 characters');
    delete asked.hostName;
  }
  const request = launchRequest(asked, source);
  // KeepImageLogin goes only with custom images, which the stand-in may not be.
  if (request.LoginSettings?.KeepImageLogin) delete request.LoginSettings;
  const dryRun = run.patiently('launch settings', () =>
    run.cloud.dryRun('RunInstances', { ...request, ImageId: instance.ImageId ?? '' }),
  );
  yield* answerOf(
    dryRun.catch((error: unknown) => {
      if (error instanceof ApplicationFailure && error.type?.includes('Image')) return undefined;
      throw error;
    }),
  );
}
