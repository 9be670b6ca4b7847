import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Cloud, control, type Key, otherKey, type Row, sendV1, simulatorFor } from './support';

const name = (kind: string, id: string, service = 'cvm'): string =>
  `qcs::${service}:ap-guangzhou:uin/100000000001:${kind}/${id}`;

describe('tags', { concurrency: true }, () => {
  test('are set, found and taken away, on every kind of resource', async (t) => {
    const cloud = new Cloud((await simulatorFor(t)).port);
    const ResourceList = [
      name('instance', 'ins-web00001'),
      name('volume', 'disk-webdata1'),
      name('disk', 'disk-webdata2', 'cbs'),
    ];
    const Tags = [{ TagKey: 'build', TagValue: '7' }];
    const { FailedResources } = await cloud.ask('TagResources', {
      ResourceList: [...ResourceList, name('image', 'img-00000000')],
      Tags,
    });
    assert.equal((FailedResources as Row[]).length, 1);
    const found = await cloud.rows('GetResources', 'ResourceTagMappingList', {
      TagFilters: [{ TagKey: 'build', TagValue: ['7'] }],
    });
    assert.deepEqual(
      found.map((row) => row.Resource).sort(),
      [name('instance', 'ins-web00001'), name('volume', 'disk-webdata1'), name('volume', 'disk-webdata2')].sort(),
    );
    assert.deepEqual(found[0]!.Tags, [
      { TagKey: 'team', TagValue: 'web' },
      { TagKey: 'environment', TagValue: 'production' },
      { TagKey: 'build', TagValue: '7' },
    ]);
    const tagged = await cloud.ask('DescribeInstances', { Filters: [{ Name: 'tag:build', Values: ['7'] }] });
    assert.equal(tagged.TotalCount, 1);
    await cloud.ask('UnTagResources', { ResourceList, TagKeys: ['build'] });
    assert.equal(
      (await cloud.rows('GetResources', 'ResourceTagMappingList', { TagFilters: [{ TagKey: 'build' }] })).length,
      0,
    );
    await cloud.ask('ModifyResourceTags', {
      Resource: ResourceList[0],
      ReplaceTags: Tags,
      DeleteTags: [{ TagKey: 'team' }],
    });
    // Terraform leaves the account out of the name.
    const Resource = 'qcs::cvm:ap-guangzhou:uin/:instance/ins-web00001';
    await cloud.ask('ModifyResourceTags', { Resource, ReplaceTags: [{ TagKey: 'by', TagValue: 'terraform' }] });
    await cloud.ask('UnTagResources', { ResourceList: [Resource], TagKeys: ['by'] });
    const byId = {
      ServiceType: 'cvm',
      ResourcePrefix: 'instance',
      ResourceIds: ['ins-web00001'],
      ResourceRegion: 'ap-guangzhou',
    };
    assert.equal((await cloud.ask('DescribeResourceTagsByResourceIds', byId)).TotalCount, 2);
  });

  test('page', async (t) => {
    const simulator = await simulatorFor(t);
    const cloud = new Cloud(simulator.port);
    simulator.seed({
      images: Array.from({ length: 5 }, (_, index) => ({ region: 'ap-mumbai', name: `i${index}`, tags: { p: 'q' } })),
    });
    const seen: unknown[] = [];
    let token = '';
    do {
      const answer = await cloud.ask('GetResources', {
        TagFilters: [{ TagKey: 'p' }],
        MaxResults: 2,
        PaginationToken: token,
      });
      seen.push(...(answer.ResourceTagMappingList as Row[]).map((row) => row.Resource));
      token = String(answer.PaginationToken);
    } while (token !== '');
    assert.equal(new Set(seen).size, 5);
  });

  test('are refused with the code of the reason', async (t) => {
    const cloud = new Cloud((await simulatorFor(t)).port);
    const Tags = [{ TagKey: 'a', TagValue: 'b' }];
    await cloud.refused('InvalidParameterValue.ResourceDescriptionError', 'TagResources', {
      ResourceList: ['ins-web00001'],
      Tags,
    });
    const foreign = 'qcs::cvm:ap-guangzhou:uin/100000000002:instance/ins-web00001';
    await cloud.refused('AuthFailure.UnauthorizedOperation', 'TagResources', { ResourceList: [foreign], Tags });
    const ResourceList = [name('instance', 'ins-web00001')];
    await cloud.refused('InvalidParameterValue.TagKeyDuplicate', 'TagResources', {
      ResourceList,
      Tags: [...Tags, ...Tags],
    });
    await cloud.refused('InvalidParameter.ReservedTagKey', 'TagResources', {
      ResourceList,
      Tags: [{ TagKey: 'qcs:x', TagValue: 'b' }],
    });
  });
});

describe('roles', { concurrency: true }, () => {
  test('are assumed with a temporary key that ends', async (t) => {
    const simulator = await simulatorFor(t);
    const cloud = new Cloud(simulator.port);
    assert.equal((await cloud.ask('GetCallerIdentity')).AccountId, '100000000001');
    const role = {
      RoleArn: 'qcs::cam::uin/100000000001:roleName/ImageBuilder',
      RoleSessionName: 'test',
      DurationSeconds: 600,
    };
    const assume = async (key: Key): Promise<Key> => {
      const { Credentials } = await cloud.ask('AssumeRole', role, { key });
      const { Token, TmpSecretId, TmpSecretKey } = Credentials as {
        Token: string;
        TmpSecretId: string;
        TmpSecretKey: string;
      };
      return { secretId: TmpSecretId, secretKey: TmpSecretKey, token: Token };
    };
    const key = await assume(otherKey);
    const identity = await cloud.ask('GetCallerIdentity', {}, { key });
    assert.equal(identity.AccountId, '100000000001');
    assert.equal(identity.Type, 'CAMRole');
    assert.equal(identity.PrincipalId, '100000000002', 'the account that asked for the key');
    assert.match(String(identity.UserId), /^\d+:test$/);
    const overV1 = await sendV1(simulator.port, 'GetCallerIdentity', {}, { key });
    assert.match(overV1.body, /"Type":"CAMRole"/);
    await cloud.ask('DescribeInstances', {}, { key });
    await cloud.refused('AuthFailure.TokenFailure', 'DescribeInstances', {}, { key: { ...key, token: 'wrong' } });
    await control(simulator.url, 'POST', '/interfere', { act: 'expire-keys' });
    await cloud.refused('AuthFailure.TokenFailure', 'DescribeInstances', {}, { key });
    await cloud.refused('ResourceNotFound.RoleNotFound', 'AssumeRole', {
      ...role,
      RoleArn: 'qcs::cam::uin/100000000001:roleName/Nobody',
    });
    const foreign = { ...role, RoleArn: 'qcs::cam::uin/100000000002:roleName/ImageBuilder' };
    await cloud.refused('UnauthorizedOperation', 'AssumeRole', foreign);
  });

  test('are not the only ones with temporary keys: so are federated users', async (t) => {
    const cloud = new Cloud((await simulatorFor(t)).port);
    const statement = [{ effect: 'allow', action: ['cvm:*'], resource: ['*'] }];
    const Policy = encodeURIComponent(JSON.stringify({ version: '2.0', statement }));
    const began = Math.floor(Date.now() / 1000);
    const answer = await cloud.ask('GetFederationToken', { Name: 'guest', Policy });
    assert.ok(Math.abs(Number(answer.ExpiredTime) - began - 1800) <= 5, String(answer.ExpiredTime));
    const { Token, TmpSecretId, TmpSecretKey } = answer.Credentials as Record<string, string>;
    const key: Key = { secretId: TmpSecretId!, secretKey: TmpSecretKey!, token: Token! };
    assert.equal((await cloud.ask('GetCallerIdentity', {}, { key })).UserId, '100000000001:guest');
    await cloud.ask('DescribeInstances', {}, { key });
    const withoutToken = { secretId: key.secretId, secretKey: key.secretKey };
    await cloud.refused('AuthFailure.TokenFailure', 'DescribeInstances', {}, { key: withoutToken });
    const refusals: [string, Row][] = [
      ['InvalidParameter.StrategyFormatError', { Name: 'guest', Policy: 'not JSON' }],
      ['InvalidParameter.StrategyFormatError', { Name: 'guest', Policy: '{"version":"2.0"}' }],
      ['InvalidParameter.OverTimeError', { Name: 'guest', Policy, DurationSeconds: 7201 }],
      ['InvalidParameter.ParamError', { Name: '!', Policy }],
      ['MissingParameter', { Name: 'guest' }],
    ];
    for (const [code, params] of refusals) await cloud.refused(code, 'GetFederationToken', params);
  });
});
