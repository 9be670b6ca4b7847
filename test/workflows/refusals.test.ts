import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { BuildSpecInput } from '../../contract';
import { type BuildStack, startBuildStack } from '../support/build-stack';
import { failureOf } from '../support/judge';

const region = 'ap-singapore';
/** Calls that change something. */
const changes = /^(?!Describe|Get)/;

describe('what cannot work is refused before anything is touched', { concurrency: true }, () => {
  let stack: BuildStack;
  before(async () => {
    stack = await startBuildStack({
      settings: {
        allow: { regions: ['ap-singapore', 'ap-seoul'], roles: [], sourceTag: { key: 'image', value: 'yes' } },
      },
    });
  });
  after(() => stack.stop());

  const instance = (form: Record<string, unknown> = {}) => stack.instance({ region, tags: { image: 'yes' }, ...form });

  /** Starts the build, expects this code, and that no call changed anything of the instance. */
  async function refused(
    spec: Omit<BuildSpecInput, 'image' | 'region'> & Partial<BuildSpecInput>,
    code: string | RegExp,
  ) {
    const full = { region, image: { name: `refused-${spec.instanceId}` }, ...spec };
    const failure = await failureOf(await stack.start(full));
    if (typeof code === 'string') assert.equal(failure.code, code);
    else assert.match(failure.code, code);
    const calls = await stack.cloud.calls({ region: full.region });
    const changed = calls.filter(
      (call) => changes.test(call.action) && call.resources.includes(spec.instanceId) && call.outcome === 'OK',
    );
    assert.deepEqual(
      changed.map(({ action }) => action).filter((action) => action !== 'RunInstances'),
      [],
    );
    assert.deepEqual(failure.resources, []);
    return failure;
  }

  test('an instance that does not exist', async () => {
    const failure = await refused({ instanceId: 'ins-nowhere1' }, 'InstanceNotFound');
    assert.match(failure.message, /no instance ins-nowhere1 in ap-singapore/);
    assert.match(failure.advice!, /region/);
  });
  test('a region that the worker does not allow', async () => {
    await refused({ region: 'ap-tokyo', instanceId: 'ins-nowhere1' }, 'NotAllowed');
  });
  test('a role that the worker does not allow', async () => {
    const roleArn = 'qcs::cam::uin/100000000001:roleName/other';
    await refused({ instanceId: await instance(), roleArn }, /NotAllowed|AuthFailure|Unauthorized/);
  });
  test('a source without the tag that the worker wants', async () => {
    const failure = await refused({ instanceId: await instance({ tags: {} }) }, 'NotAllowed');
    assert.match(failure.message, /image=yes/);
  });
  test('a source that another installation is imaging', async () => {
    const tags = { image: 'yes', 'cvm-image-builder/restore': 'elsewhere/web-1' };
    await refused({ instanceId: await instance({ tags }) }, 'SourceClaimed');
  });
  test('a source that was stopped with STOP_CHARGING', async () => {
    const instanceId = await instance({ state: 'STOPPED', stoppedMode: 'STOP_CHARGING' });
    await refused({ instanceId }, 'UnsupportedOperation.StoppedModeStopCharging');
  });
  test('an encrypted system disk', async () => {
    const instanceId = await instance({ systemDisk: { encrypted: true } });
    await refused({ instanceId }, 'UnsupportedOperation.EncryptedImagesNotSupported');
  });
  test('a local system disk with method snapshots', async () => {
    const instanceId = await instance({ systemDisk: { type: 'LOCAL_BASIC' } });
    await refused({ instanceId, method: 'snapshots' }, 'LocalSystemDisk');
  });
  test('a local data disk', async () => {
    const instanceId = await instance({ dataDisks: [{ type: 'LOCAL_SSD', size: 50 }] });
    await refused({ instanceId }, 'InvalidParameter.LocalDataDiskNotSupport');
    await refused({ instanceId, dataDisks: 'include' }, 'InvalidParameter.LocalDataDiskNotSupport');
  });
  test('a data disk that is not of the instance', async () => {
    const failure = await refused(
      { instanceId: await instance({ dataDisks: 1 }), dataDisks: ['disk-notmine1'] },
      'InvalidParameter.DataDiskNotBelongSpecifiedInstance',
    );
    assert.match(failure.message, /disk-notmine1/);
  });
  test('sysprep on Linux', async () => {
    await refused({ instanceId: await instance(), sysprep: true }, 'SysprepNotSupported');
  });
  test('a name that somebody else has taken', async () => {
    const name = 'taken-by-somebody';
    await stack.cloud.seed({ images: [{ region, name }] });
    const failure = await refused({ instanceId: await instance(), image: { name } }, 'InvalidImageName.Duplicate');
    assert.match(failure.message, /img-/);
  });
  test('a name that is too long once it is filled in', async () => {
    const image = { name: `${'x'.repeat(41)}-{instance}-{date}` };
    await refused({ instanceId: await instance(), image }, 'InvalidParameterValue.TooLarge');
  });
  test('a zone, an instance type, a subnet that the cloud does not know', async () => {
    const instanceId = await instance();
    await refused({ instanceId, launch: { zone: 'ap-singapore-9' } }, /Zone/);
    await refused({ instanceId, launch: { zone: 'ap-singapore-1', instanceType: 'X9.HUGE' } }, /InstanceType/);
    const network = { vpcId: 'vpc-nowhere1', subnetId: 'subnet-nowhere1' };
    await refused({ instanceId, launch: { zone: 'ap-singapore-1', ...network } }, /Vpc|Subnet/);
  });
  test('a system disk smaller than the source’s', async () => {
    const launch = { zone: 'ap-singapore-1', systemDisk: { size: 1 } };
    await refused({ instanceId: await instance(), launch }, 'SystemDiskTooSmall');
  });
  test('a full image quota, with the numbers and the oldest images', async () => {
    const full = 'ap-seoul';
    await stack.cloud.seed({
      imageQuota: { [full]: 2 },
      images: [
        { region: full, name: 'old-one' },
        { region: full, name: 'old-two' },
      ],
    });
    const instanceId = await stack.instance({ region: full, tags: { image: 'yes' } });
    const failure = await refused({ region: full, instanceId }, 'ImageQuotaLimitExceeded');
    assert.match(failure.message, /2 of 2 custom images/);
    assert.match(failure.message, /old-one/);
  });
  test('a spec that is wrong, however it was started', async () => {
    const handle = await stack.start({ region, instanceId: 'ins-web00001', image: {} } as unknown as BuildSpecInput);
    await assert.rejects(handle.result(), (error: Error & { cause?: { type?: string; message?: string } }) => {
      assert.equal(error.cause?.type, 'SpecInvalid');
      assert.match(error.cause.message!, /image.name: missing/);
      return true;
    });
  });
});
