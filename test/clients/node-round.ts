import assert from 'node:assert/strict';
import { v20170312 as cbs } from 'tencentcloud-sdk-nodejs/tencentcloud/services/cbs/v20170312';
import { v20170312 as cvm } from 'tencentcloud-sdk-nodejs/tencentcloud/services/cvm/v20170312';
import { v20180813 as sts } from 'tencentcloud-sdk-nodejs/tencentcloud/services/sts/v20180813';
import { v20180813 as tag } from 'tencentcloud-sdk-nodejs/tencentcloud/services/tag/v20180813';
import { type Place, until } from './place';

const ourKey = { secretId: 'AKIDsimulator', secretKey: 'simulator' };
const theirKey = { secretId: 'AKIDsimulator2', secretKey: 'simulator2' };
type SignMethod = 'TC3-HMAC-SHA256' | 'HmacSHA1' | 'HmacSHA256';

interface Credential {
  readonly secretId: string;
  readonly secretKey: string;
  readonly token?: string;
}

/** A full round with the typed clients of Tencent Cloud's SDK for Node.js. */
export async function nodeRound(place: Place): Promise<void> {
  const { region, otherRegion, instanceId, otherAccount } = place;
  const config = (
    credential: Credential = ourKey,
    where = region,
    signMethod: SignMethod = 'TC3-HMAC-SHA256',
    reqMethod: 'POST' | 'GET' = 'POST',
  ) => ({
    credential,
    region: where,
    profile: {
      signMethod,
      httpProfile: { endpoint: `127.0.0.1:${place.port}`, protocol: 'http://', reqMethod, reqTimeout: 20 },
    },
  });
  const compute = new cvm.Client(config());
  const computeThere = new cvm.Client(config(ourKey, otherRegion));
  const storage = new cbs.Client(config());
  const storageThere = new cbs.Client(config(ourKey, otherRegion));
  const identity = new sts.Client(config());
  const tags = new tag.Client(config());

  const instance = (id: string, state: string) =>
    until(`${id} ${state}`, async () => {
      const [row] = (await compute.DescribeInstances({ InstanceIds: [id] })).InstanceSet ?? [];
      return row?.InstanceState === state && row.LatestOperationState !== 'OPERATING' ? row : undefined;
    });
  const image = (client: typeof compute, id: string) =>
    until(`${id} NORMAL`, async () => {
      const [row] = (await client.DescribeImages({ ImageIds: [id] })).ImageSet ?? [];
      return row?.ImageState === 'NORMAL' ? row : undefined;
    });
  const snapshot = (client: typeof storage, id: string) =>
    until(`${id} NORMAL`, async () => {
      const [row] = (await client.DescribeSnapshots({ SnapshotIds: [id] })).SnapshotSet ?? [];
      return row?.SnapshotState === 'NORMAL' ? row : undefined;
    });
  const refused = async (code: string, call: Promise<unknown>): Promise<void> => {
    await assert.rejects(call, (error: { code?: string; requestId?: string }) => {
      assert.equal(error.code, code);
      return (error.requestId ?? '') !== '';
    });
  };

  // Who am I, in every form of signature that the SDK has, and with a temporary key.
  assert.equal((await identity.GetCallerIdentity()).AccountId, '100000000001');
  const forms: [SignMethod, 'POST' | 'GET'][] = [
    ['HmacSHA1', 'GET'],
    ['HmacSHA256', 'POST'],
    ['TC3-HMAC-SHA256', 'GET'],
  ];
  for (const [signMethod, reqMethod] of forms) {
    const client = new cvm.Client(config(ourKey, region, signMethod, reqMethod));
    const Filters = [{ Name: 'instance-id', Values: [instanceId] }];
    assert.equal((await client.DescribeInstances({ Filters, Limit: 5 })).TotalCount, 1, `${signMethod} ${reqMethod}`);
  }
  const RoleArn = 'qcs::cam::uin/100000000001:roleName/ImageBuilder';
  const { Credentials } = await identity.AssumeRole({ RoleArn, RoleSessionName: 'round' });
  const { TmpSecretId: secretId = '', TmpSecretKey: secretKey = '', Token: token = '' } = Credentials ?? {};
  await new cvm.Client(config({ secretId, secretKey, token })).DescribeZones();

  // The usual errors.
  await refused(
    'AuthFailure.SecretIdNotFound',
    new cvm.Client(config({ secretId: 'AKIDx', secretKey: 'x' })).DescribeZones(),
  );
  const impostor = new cvm.Client(config({ ...ourKey, secretKey: 'x' }));
  await refused('AuthFailure.SignatureFailure', impostor.DescribeZones());
  await refused('AuthFailure.TokenFailure', new cvm.Client(config({ secretId, secretKey })).DescribeZones());
  await refused('InvalidInstanceId.NotFound', compute.StopInstances({ InstanceIds: ['ins-00000000'] }));
  await refused('InvalidAction', compute.ExportImages({ BucketName: 'b', ImageIds: ['img-00000000'] }));

  // Stop, snapshot, image, start.
  const source = await instance(instanceId, 'RUNNING');
  const stop = { InstanceIds: [instanceId], StopType: 'SOFT_FIRST', StoppedMode: 'KEEP_CHARGING' };
  await compute.StopInstances(stop);
  await instance(instanceId, 'STOPPED');
  await refused('UnsupportedOperation.InstanceStateStopped', compute.StopInstances(stop));
  const Tags = [{ Key: 'round', Value: 'node' }];
  const { SnapshotId = '' } = await storage.CreateSnapshot({ DiskId: source.DataDisks![0]!.DiskId!, Tags });
  await snapshot(storage, SnapshotId);
  const create = {
    ImageName: 'round',
    InstanceId: instanceId,
    TagSpecification: [{ ResourceType: 'image', Tags }],
  };
  const { ImageId = '' } = await compute.CreateImage(create);
  await refused('InvalidImageName.Duplicate', compute.CreateImage(create));
  assert.equal((await image(compute, ImageId)).Tags?.[0]?.Value, 'node');
  await instance(instanceId, 'STOPPED');
  await compute.StartInstances({ InstanceIds: [instanceId] });
  await instance(instanceId, 'RUNNING');

  // Launch.
  const { InstanceIdSet } = await compute.RunInstances({
    ImageId,
    Placement: { Zone: source.Placement!.Zone },
    DataDisks: [{ DiskSize: source.DataDisks![0]!.DiskSize, SnapshotId, DeleteWithInstance: true }],
    ClientToken: 'round-node',
  });
  const launched = InstanceIdSet![0]!;
  assert.equal((await instance(launched, 'RUNNING')).ImageId, ImageId);
  await compute.TerminateInstances({ InstanceIds: [launched] });

  // Share, copy, tag.
  const share = { ImageId, AccountIds: [otherAccount] };
  await compute.ModifyImageSharePermission({ ...share, Permission: 'SHARE' });
  await refused('InvalidImageId.InShared', compute.DeleteImages({ ImageIds: [ImageId] }));
  const seen = await new cvm.Client(config(theirKey)).DescribeImages({ ImageIds: [ImageId] });
  assert.equal(seen.ImageSet?.[0]?.ImageType, 'SHARED_IMAGE');
  await compute.ModifyImageSharePermission({ ...share, Permission: 'CANCEL' });
  await compute.SyncImages({ ImageIds: [ImageId], DestinationRegions: [otherRegion] });
  const Filters = [{ Name: 'image-name', Values: ['round'] }];
  const imageCopy = (await computeThere.DescribeImages({ Filters })).ImageSet![0]!.ImageId!;
  await image(computeThere, imageCopy);
  const copies = await storage.CopySnapshotCrossRegions({ SnapshotId, DestinationRegions: [otherRegion] });
  const snapshotCopy = copies.SnapshotCopyResultSet![0]!.SnapshotId!;
  await snapshot(storageThere, snapshotCopy);
  const resource = `qcs::cvm:${region}:uin/100000000001:image/${ImageId}`;
  await tags.TagResources({ ResourceList: [resource], Tags: [{ TagKey: 'state', TagValue: 'kept' }] });
  const tagged = await tags.GetResources({ ResourceList: [resource] });
  assert.equal(tagged.ResourceTagMappingList?.[0]?.Tags?.length, 2);

  // Delete.
  await until(`${launched} gone`, async () => {
    const { TotalCount } = await compute.DescribeInstances({ InstanceIds: [launched] });
    return TotalCount === 0 ? true : undefined;
  });
  await compute.DeleteImages({ ImageIds: [ImageId], DeleteBindedSnap: true });
  await computeThere.DeleteImages({ ImageIds: [imageCopy], DeleteBindedSnap: true });
  await storage.DeleteSnapshots({ SnapshotIds: [SnapshotId] });
  await storageThere.DeleteSnapshots({ SnapshotIds: [snapshotCopy] });
  await refused('InvalidImageId.NotFound', compute.DeleteImages({ ImageIds: [ImageId] }));
}
