import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { hostCandidates, tc3Signature, v1Signature } from '../../simulator/wire/signature';
import vectors from './signature-vectors.json';
import { Cloud, sendRaw, simulatorFor } from './support';

describe('signature vectors', () => {
  for (const vector of vectors.tc3) {
    test(`TC3 ${vector.name}`, () => {
      const request = {
        method: vector.method,
        uri: vector.uri,
        query: vector.query,
        headers: { 'content-type': vector.contentType, host: vector.host },
        signedHeaders: ['content-type', 'host'],
        body: Buffer.from(vector.body),
        unsignedPayload: vector.unsignedPayload,
        timestamp: vector.timestamp,
        date: new Date(vector.timestamp * 1000).toISOString().slice(0, 10),
        service: vector.service,
      };
      assert.equal(tc3Signature(request, vectors.secretKey), vector.signature);
    });
  }
  for (const vector of vectors.v1) {
    test(`V1 ${vector.name}`, () => {
      const params = Object.fromEntries(Object.entries(vector.params).map(([name, value]) => [name, String(value)]));
      const request = {
        method: vector.method,
        host: vector.host,
        path: vector.path,
        params,
        algorithm: vector.signatureMethod,
      };
      assert.equal(v1Signature(request, vectors.secretKey), vector.signature);
    });
  }
  test('every host that a client is known to sign is among the candidates', () => {
    const reached = ['127.0.0.1:18080', 'http://127.0.0.1:18080', 'cvm.tencentcloudapi.com:18080'];
    for (const vector of vectors.tc3) {
      const found = reached.some((host) => hostCandidates(host, 'cvm', 'ap-guangzhou').includes(vector.host));
      assert.ok(found, vector.host);
    }
  });
});

describe('authentication', { concurrency: true }, () => {
  test('accepts what the clients sign, however they name the host', async (t) => {
    const { port } = await simulatorFor(t);
    const cloud = new Cloud(port);
    await cloud.ask('DescribeZones', {}, { signedHost: '127.0.0.1', service: '127' });
    await cloud.ask('DescribeZones', {}, { host: `http://127.0.0.1:${port}` });
    await cloud.ask('DescribeZones', {}, { signedHost: 'cvm.tencentcloudapi.com' });
    await cloud.ask('DescribeZones', {}, { signedHost: 'cvm.ap-guangzhou.tencentcloudapi.com' });
    await cloud.ask('DescribeZones', {}, { path: '/cvm/' });
    await cloud.ask('DescribeZones', {}, { path: 'http://cvm.tencentcloudapi.com/', host: 'cvm.tencentcloudapi.com' });
    await cloud.ask('DescribeZones', {}, { unsignedPayload: true });
  });

  test('takes GET with dotted keys', async (t) => {
    const { port } = await simulatorFor(t);
    const answer = await new Cloud(port).ask('DescribeInstances', {}, { query: 'InstanceIds.0=ins-web00001&Limit=5' });
    assert.equal(answer.TotalCount, 1);
  });

  test('takes V1 forms', async (t) => {
    const { port } = await simulatorFor(t);
    const params: Record<string, string> = {
      Action: 'DescribeInstances',
      Version: '2017-03-12',
      Region: 'ap-guangzhou',
      'Filters.0.Name': 'instance-name',
      'Filters.0.Values.0': 'web-1',
      Limit: '3',
      Timestamp: String(Math.floor(Date.now() / 1000)),
      Nonce: '7',
      SecretId: 'AKIDsimulator',
      SignatureMethod: 'HmacSHA256',
    };
    const Signature = v1Signature(
      { method: 'POST', host: `127.0.0.1:${port}`, path: '/', params, algorithm: 'HmacSHA256' },
      'simulator',
    );
    const body = Buffer.from(new URLSearchParams({ ...params, Signature }).toString());
    const headers = { 'Content-Type': 'application/x-www-form-urlencoded' };
    const answer = await sendRaw(port, 'POST', '/', body, headers);
    assert.match(answer.body, /ins-web00001/);
    const wrong = Buffer.from(new URLSearchParams({ ...params, Signature: 'x' }).toString());
    assert.match((await sendRaw(port, 'POST', '/', wrong, headers)).body, /AuthFailure\.SignatureFailure/);
  });

  test('refuses with the code of the reason', async (t) => {
    const { port } = await simulatorFor(t);
    const cloud = new Cloud(port);
    const now = Math.floor(Date.now() / 1000);
    await cloud.refused('AuthFailure.SignatureExpire', 'DescribeZones', {}, { timestamp: now - 301 });
    await cloud.refused(
      'AuthFailure.SecretIdNotFound',
      'DescribeZones',
      {},
      { key: { secretId: 'AKIDnobody', secretKey: 'x' } },
    );
    await cloud.refused(
      'AuthFailure.SignatureFailure',
      'DescribeZones',
      {},
      { key: { secretId: 'AKIDsimulator', secretKey: 'x' } },
    );
    await cloud.refused('AuthFailure.TokenFailure', 'DescribeZones', {}, { key: { ...cloud.key, token: 'stale' } });
    await cloud.refused(
      'AuthFailure.InvalidAuthorization',
      'DescribeZones',
      {},
      { headers: { Authorization: 'Bearer x' } },
    );
    await cloud.refused('AuthFailure.SignatureFailure', 'DescribeZones', {}, { signedHost: 'evil.example' });
  });

  test('checks the scope only when it is strict', async (t) => {
    const { port } = await simulatorFor(t, { switches: { strictScope: true } });
    const cloud = new Cloud(port);
    await cloud.ask('DescribeZones');
    await cloud.refused('AuthFailure.InvalidAuthorization', 'DescribeZones', {}, { service: '127' });
  });
});
