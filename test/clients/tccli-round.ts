import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { type Place, until } from './place';

const run = promisify(execFile);
type Answer = Record<string, unknown>;

/** How tccli is started: the command with its environment. */
export interface Tccli {
  readonly command: string;
  readonly environment: NodeJS.ProcessEnv;
}

/** A full round with Tencent Cloud's command line. It starts a process for every call, so this one asks less than the others. */
export async function tccliRound(place: Place, tccli: Tccli): Promise<void> {
  const home = await mkdtemp(path.join(os.tmpdir(), 'tccli-round-'));
  try {
    await roundWith(place, new CommandLine(place, tccli, home));
  } finally {
    await rm(home, { recursive: true, force: true });
  }
}

class CommandLine {
  constructor(
    private readonly place: Place,
    private readonly tccli: Tccli,
    private readonly home: string,
  ) {}

  /** Runs tccli with these arguments; the key comes from the environment. */
  async run(args: readonly string[], secretKey = 'simulator'): Promise<string> {
    const { stdout } = await run(this.tccli.command, [...args], {
      env: {
        ...this.tccli.environment,
        HOME: this.home,
        TENCENTCLOUD_SECRET_ID: 'AKIDsimulator',
        TENCENTCLOUD_SECRET_KEY: secretKey,
        TENCENTCLOUD_REGION: this.place.region,
      },
      timeout: 60_000,
    });
    return stdout;
  }

  /** Calls an action; its parameters are given as tccli wants them: text as it is, everything else as JSON. */
  async ask(service: string, action: string, params: Answer = {}, more: readonly string[] = []): Promise<Answer> {
    const given = Object.entries(params).flatMap(([name, value]) => [
      `--${name}`,
      typeof value === 'string' ? value : JSON.stringify(value),
    ]);
    return JSON.parse(await this.run([service, action, ...given, ...more])) as Answer;
  }

  async refused(code: string, service: string, action: string, params: Answer = {}): Promise<void> {
    await assert.rejects(this.ask(service, action, params), (error: { stdout?: string; stderr?: string }) => {
      assert.match(`${error.stdout ?? ''}${error.stderr ?? ''}`, new RegExp(`${code.replace('.', '\\.')}\\b`));
      return true;
    });
  }
}

async function roundWith(place: Place, cloud: CommandLine): Promise<void> {
  const { region, otherRegion, instanceId, otherAccount } = place;
  const url = `http://127.0.0.1:${place.port}`;
  const endpoints = ['cvm', 'cbs', 'sts', 'tag'].flatMap((service) => [`${service}.endpoint`, url]);
  await cloud.run(['configure', 'set', ...endpoints]);

  const firstOf = async (service: string, action: string, set: string, params: Answer, more: readonly string[] = []) =>
    ((await cloud.ask(service, action, params, more))[set] as Answer[])[0]!;
  const instance = (id: string, state: string): Promise<Answer> =>
    until(`${id} ${state}`, async () => {
      const row = await firstOf('cvm', 'DescribeInstances', 'InstanceSet', { InstanceIds: [id] });
      return row.InstanceState === state && row.LatestOperationState !== 'OPERATING' ? row : undefined;
    });
  const image = (id: string, where: string): Promise<Answer> =>
    until(`${id} NORMAL`, async () => {
      const row = await firstOf('cvm', 'DescribeImages', 'ImageSet', { ImageIds: [id] }, ['--region', where]);
      return row.ImageState === 'NORMAL' ? row : undefined;
    });
  const snapshot = (id: string, where: string): Promise<Answer> =>
    until(`${id} NORMAL`, async () => {
      const row = await firstOf('cbs', 'DescribeSnapshots', 'SnapshotSet', { SnapshotIds: [id] }, ['--region', where]);
      return row.SnapshotState === 'NORMAL' ? row : undefined;
    });

  assert.equal((await cloud.ask('sts', 'GetCallerIdentity')).AccountId, '100000000001');
  await assert.rejects(cloud.run(['cvm', 'DescribeZones'], 'wrong'), /AuthFailure\.SignatureFailure/);
  await cloud.refused('InvalidInstanceId.NotFound', 'cvm', 'StopInstances', { InstanceIds: ['ins-00000000'] });

  const source = await instance(instanceId, 'RUNNING');
  const [dataDisk] = source.DataDisks as { DiskId: string; DiskSize: number }[];
  // tccli can wait by itself.
  const filter = { expr: 'InstanceSet[0].InstanceState', to: 'STOPPED', timeout: 30, interval: 1 };
  await cloud.ask('cvm', 'StopInstances', { InstanceIds: [instanceId], StopType: 'SOFT_FIRST' });
  await cloud.run([
    'cvm',
    'DescribeInstances',
    '--InstanceIds',
    `["${instanceId}"]`,
    '--waiter',
    JSON.stringify(filter),
  ]);
  await instance(instanceId, 'STOPPED');
  await cloud.refused('UnsupportedOperation.InstanceStateStopped', 'cvm', 'StopInstances', {
    InstanceIds: [instanceId],
  });

  const Tags = [{ Key: 'round', Value: 'tccli' }];
  const { SnapshotId } = await cloud.ask('cbs', 'CreateSnapshot', { DiskId: dataDisk!.DiskId, Tags });
  await snapshot(String(SnapshotId), region);
  const create = { ImageName: 'round', InstanceId: instanceId, TagSpecification: [{ ResourceType: 'image', Tags }] };
  const ImageId = String((await cloud.ask('cvm', 'CreateImage', create)).ImageId);
  await cloud.refused('InvalidImageName.Duplicate', 'cvm', 'CreateImage', create);
  await image(ImageId, region);
  await instance(instanceId, 'STOPPED');
  await cloud.ask('cvm', 'StartInstances', { InstanceIds: [instanceId] });
  await instance(instanceId, 'RUNNING');

  const { InstanceIdSet } = await cloud.ask('cvm', 'RunInstances', {
    ImageId,
    Placement: source.Placement as Answer,
    DataDisks: [{ DiskSize: dataDisk!.DiskSize, SnapshotId, DeleteWithInstance: true }],
  });
  const [launched = ''] = InstanceIdSet as string[];
  assert.equal((await instance(launched, 'RUNNING')).ImageId, ImageId);
  await cloud.ask('cvm', 'TerminateInstances', { InstanceIds: [launched] });

  const share = { ImageId, AccountIds: [otherAccount] };
  await cloud.ask('cvm', 'ModifyImageSharePermission', { ...share, Permission: 'SHARE' });
  await cloud.refused('InvalidImageId.InShared', 'cvm', 'DeleteImages', { ImageIds: [ImageId] });
  await cloud.ask('cvm', 'ModifyImageSharePermission', { ...share, Permission: 'CANCEL' });

  const there = ['--region', otherRegion];
  await cloud.ask('cvm', 'SyncImages', { ImageIds: [ImageId], DestinationRegions: [otherRegion] });
  const Filters = [{ Name: 'image-name', Values: ['round'] }];
  const imageCopy = String((await firstOf('cvm', 'DescribeImages', 'ImageSet', { Filters }, there)).ImageId);
  await image(imageCopy, otherRegion);
  const copy = { SnapshotId, DestinationRegions: [otherRegion] };
  const snapshotCopy = String(
    (await firstOf('cbs', 'CopySnapshotCrossRegions', 'SnapshotCopyResultSet', copy)).SnapshotId,
  );
  await snapshot(snapshotCopy, otherRegion);

  const ResourceList = [`qcs::cvm:${region}:uin/100000000001:image/${ImageId}`];
  await cloud.ask('tag', 'TagResources', { ResourceList, Tags: [{ TagKey: 'state', TagValue: 'kept' }] });
  const tagged = await firstOf('tag', 'GetResources', 'ResourceTagMappingList', { ResourceList });
  assert.equal((tagged.Tags as Answer[]).length, 2);

  await until(`${launched} gone`, async () => {
    const { TotalCount } = await cloud.ask('cvm', 'DescribeInstances', { InstanceIds: [launched] });
    return TotalCount === 0 ? true : undefined;
  });
  await cloud.ask('cvm', 'DeleteImages', { ImageIds: [ImageId], DeleteBindedSnap: true });
  await cloud.ask('cvm', 'DeleteImages', { ImageIds: [imageCopy], DeleteBindedSnap: true }, there);
  await cloud.ask('cbs', 'DeleteSnapshots', { SnapshotIds: [SnapshotId] });
  await cloud.ask('cbs', 'DeleteSnapshots', { SnapshotIds: [snapshotCopy] }, there);
  await cloud.refused('InvalidImageId.NotFound', 'cvm', 'DeleteImages', { ImageIds: [ImageId] });
}
