import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { v20170312 as cbs } from 'tencentcloud-sdk-nodejs/tencentcloud/services/cbs/v20170312';
import { v20170312 as cvm } from 'tencentcloud-sdk-nodejs/tencentcloud/services/cvm/v20170312';
import { v20180813 as sts } from 'tencentcloud-sdk-nodejs/tencentcloud/services/sts/v20180813';
import { v20180813 as tag } from 'tencentcloud-sdk-nodejs/tencentcloud/services/tag/v20180813';
import { simulatorFor, until } from './support';

describe('the real SDK', () => {
  test('makes an image and launches from it', async (t) => {
    const { port } = await simulatorFor(t);
    const config = {
      credential: { secretId: 'AKIDsimulator', secretKey: 'simulator' },
      region: 'ap-guangzhou',
      profile: { httpProfile: { endpoint: `127.0.0.1:${port}`, protocol: 'http://' } },
    };
    const [compute, storage, tags, identity] = [
      new cvm.Client(config),
      new cbs.Client(config),
      new tag.Client(config),
      new sts.Client(config),
    ];
    const id = 'ins-web00001';
    const settled = (instanceId: string, state: string): Promise<object> =>
      until(state, async () => {
        const { InstanceSet } = await compute.DescribeInstances({ InstanceIds: [instanceId] });
        const [row] = InstanceSet ?? [];
        return row?.InstanceState === state && row.LatestOperationState === 'SUCCESS' ? row : undefined;
      });
    await compute.StopInstances({ InstanceIds: [id], StopType: 'SOFT_FIRST', StoppedMode: 'KEEP_CHARGING' });
    await settled(id, 'STOPPED');
    const { SnapshotId } = await storage.CreateSnapshot({ DiskId: 'disk-webdata1', Tags: [{ Key: 'a', Value: 'b' }] });
    await until('snapshot', async () => {
      const { SnapshotSet } = await storage.DescribeSnapshots({ SnapshotIds: [SnapshotId!] });
      return SnapshotSet?.[0]?.SnapshotState === 'NORMAL' ? true : undefined;
    });
    const { ImageId } = await compute.CreateImage({ ImageName: 'golden', InstanceId: id });
    await until('image', async () => {
      const { ImageSet } = await compute.DescribeImages({ ImageIds: [ImageId!] });
      return ImageSet?.[0]?.ImageState === 'NORMAL' ? true : undefined;
    });
    await tags.TagResources({
      ResourceList: [`qcs::cvm:ap-guangzhou:uin/100000000001:image/${ImageId!}`],
      Tags: [{ TagKey: 'state', TagValue: 'kept' }],
    });
    const { InstanceIdSet } = await compute.RunInstances({
      ImageId: ImageId!,
      Placement: { Zone: 'ap-guangzhou-3' },
      DataDisks: [{ DiskSize: 100, SnapshotId: SnapshotId! }],
    });
    await settled(InstanceIdSet![0]!, 'RUNNING');
    assert.equal((await identity.GetCallerIdentity()).AccountId, '100000000001');
    await assert.rejects(compute.DeleteImages({ ImageIds: ['img-00000000'] }), { code: 'InvalidImageId.NotFound' });
  });
});
