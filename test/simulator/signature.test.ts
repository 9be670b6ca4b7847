import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { describe, test } from 'node:test';
import { hostCandidates, tc3Signature, v1Signature } from '../../simulator/wire/signature';
import vectors from './signature-vectors.json';
import { Cloud, codeOf, type RequestOptions, sendRaw, sendV1, simulatorFor, type V1Options } from './support';

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

describe('signatures', { concurrency: true }, () => {
  test('of TC3 are taken, however a client names the host and whatever it signs', async (t) => {
    const { port } = await simulatorFor(t);
    const cloud = new Cloud(port);
    const official = 'cvm.tencentcloudapi.com';
    const absolute = `http://${official}/`;
    const forms: Record<string, RequestOptions> = {
      'host and port': {},
      'host without port, service after the address': { signedHost: '127.0.0.1', service: '127' },
      'scheme in the host': { host: `http://127.0.0.1:${port}` },
      'official host behind a rewritten endpoint': { signedHost: official },
      'official host and port': { host: `${official}:${port}`, signedHost: official },
      'regional host': { signedHost: 'cvm.ap-guangzhou.tencentcloudapi.com' },
      'international host': { signedHost: 'cvm.intl.tencentcloudapi.com' },
      'internal host': { signedHost: 'cvm.internal.tencentcloudapi.com' },
      'path in the endpoint': { path: '/cvm/' },
      'absolute form': { path: absolute, host: official },
      'absolute form without a path': { path: `http://${official}`, host: official },
      'absolute form whose host is signed': { path: 'http://cvm.cloud.example:8080/', signedHost: 'cvm.cloud.example' },
      'unsigned payload': { unsignedPayload: true },
      'more signed headers': { signedHeaders: ['content-type', 'host', 'x-tc-action', 'x-tc-timestamp'] },
      'mixed case': { signedHeaders: ['content-type', 'host', 'x-tc-action'], keepCase: true },
      'mixed-case content type': { headers: { 'Content-Type': 'application/json; charset=UTF-8' } },
    };
    for (const [form, options] of Object.entries(forms)) {
      const answer = await cloud.ask('DescribeZones', {}, options).catch((error: unknown) => error);
      assert.ok(!(answer instanceof Error), `${form}: ${String(answer)}`);
    }
  });

  test('of TC3 over GET have the parameters in the query string', async (t) => {
    const { port } = await simulatorFor(t);
    const cloud = new Cloud(port);
    const query = 'Filters.0.Name=instance-name&Filters.0.Values.0=web-1&Limit=5';
    assert.equal((await cloud.ask('DescribeInstances', {}, { query })).TotalCount, 1);
    const encoded = query.replace('web-1', '%77eb%2D1');
    assert.equal((await cloud.ask('DescribeInstances', {}, { query: encoded })).TotalCount, 1);
    const absolute = { path: 'http://cvm.tencentcloudapi.com/', host: 'cvm.tencentcloudapi.com' };
    assert.equal((await cloud.ask('DescribeInstances', {}, { query, ...absolute })).TotalCount, 1);
    assert.equal((await cloud.ask('DescribeInstances', {}, { query, unsignedPayload: true })).TotalCount, 1);
    // A list that is numbered with gaps, in any order, is a list all the same.
    const gaps = 'InstanceIds.12=ins-web00001&InstanceIds.3=ins-web00002';
    assert.equal((await cloud.ask('DescribeInstances', {}, { query: gaps })).TotalCount, 2);
    await cloud.refused('InvalidParameter', 'DescribeInstances', {}, { query: 'Filters=x&Filters.0.Name=zone' });
    await cloud.refused('UnknownParameter', 'DescribeInstances', {}, { query: '__proto__.polluted=1' });
    assert.equal(({} as Record<string, unknown>).polluted, undefined);
  });

  test('of V1 are taken over GET and POST, with dotted keys', async (t) => {
    const { port } = await simulatorFor(t);
    const params = { 'Filters.0.Name': 'instance-name', 'Filters.0.Values.0': 'web-1', Limit: '3', Offset: '0' };
    const forms: V1Options[] = (['GET', 'POST'] as const).flatMap((method) => [
      { method, algorithm: 'HmacSHA1' as const },
      { method, algorithm: 'HmacSHA1' as const, implicit: true },
      { method, algorithm: 'HmacSHA256' as const },
      { method, signedHost: 'cvm.tencentcloudapi.com' },
      { method, signedHost: '127.0.0.1' },
      { method, common: { RequestClient: 'SDK_X', Language: 'en-US' } },
    ]);
    for (const form of forms) {
      const { body } = await sendV1(port, 'DescribeInstances', params, form);
      assert.match(body, /"TotalCount":1.*ins-web00001/, JSON.stringify(form));
    }
    const nested = {
      'Placement.Zone': 'ap-guangzhou-3',
      ImageId: 'img-ubuntu24',
      InstanceType: 'S5.MEDIUM4',
      'SystemDisk.DiskSize': '50',
      'TagSpecification.0.ResourceType': 'instance',
      'TagSpecification.0.Tags.0.Key': 'a.b&c=d',
      'TagSpecification.0.Tags.0.Value': 'ü +/=',
      DryRun: 'true',
    };
    assert.equal(codeOf(await sendV1(port, 'RunInstances', nested)), 'OK');
  });

  test('of V1 are refused with the code of the reason', async (t) => {
    const { port } = await simulatorFor(t);
    const now = Math.floor(Date.now() / 1000);
    const refusals: [string, V1Options][] = [
      ['AuthFailure.SignatureFailure', { signature: 'x' }],
      ['AuthFailure.SignatureFailure', { key: { secretId: 'AKIDsimulator', secretKey: 'x' } }],
      ['AuthFailure.SignatureFailure', { signedHost: 'evil.example' }],
      ['AuthFailure.SecretIdNotFound', { key: { secretId: 'AKIDnobody', secretKey: 'x' } }],
      ['AuthFailure.TokenFailure', { common: { Token: 'stale' } }],
      ['AuthFailure.SignatureExpire', { common: { Timestamp: String(now + 310) } }],
      ['AuthFailure.SignatureExpire', { common: { Timestamp: 'soon' } }],
      ['AuthFailure.InvalidAuthorization', { common: { SecretId: undefined } }],
      ['InvalidParameterValue', { common: { SignatureMethod: 'HmacMD5' } }],
      ['InvalidParameterValue', { common: { Nonce: '-1' } }],
    ];
    for (const [code, options] of refusals) {
      for (const method of ['GET', 'POST'] as const) {
        const answer = await sendV1(port, 'DescribeZones', {}, { method, ...options });
        assert.equal(codeOf(answer), code, `${method} ${JSON.stringify(options)} ${answer.body}`);
      }
    }
  });

  test('of TC3 are refused with the code of the reason', async (t) => {
    const { port } = await simulatorFor(t);
    const cloud = new Cloud(port);
    const now = Math.floor(Date.now() / 1000);
    const yesterday = new Date(Date.now() - 86_400_000).toISOString().slice(0, 10);
    const zeros = '0'.repeat(64);
    const authorization = (scope: string, headers = 'content-type;host', signature = zeros): RequestOptions => ({
      headers: {
        Authorization: `TC3-HMAC-SHA256 Credential=AKIDsimulator/${scope}, SignedHeaders=${headers}, Signature=${signature}`,
      },
    });
    const today = new Date().toISOString().slice(0, 10);
    const refusals: [string, RequestOptions][] = [
      ['AuthFailure.SignatureExpire', { timestamp: now - 301 }],
      ['AuthFailure.SignatureExpire', { timestamp: now + 310 }],
      ['AuthFailure.SignatureExpire', { headers: { 'X-TC-Timestamp': '' } }],
      ['AuthFailure.SecretIdNotFound', { key: { secretId: 'AKIDnobody', secretKey: 'x' } }],
      ['AuthFailure.SignatureFailure', { key: { secretId: 'AKIDsimulator', secretKey: 'x' } }],
      ['AuthFailure.SignatureFailure', { signedHost: 'evil.example' }],
      ['AuthFailure.SignatureFailure', authorization(`${today}/cvm/tc3_request`)],
      ['AuthFailure.TokenFailure', { key: { ...cloud.key, token: 'stale' } }],
      ['AuthFailure.InvalidAuthorization', { headers: { Authorization: 'Bearer x' } }],
      ['AuthFailure.InvalidAuthorization', { headers: { Authorization: 'SKIP' } }],
      ['AuthFailure.InvalidAuthorization', { headers: { Authorization: '' } }],
      ['AuthFailure.InvalidAuthorization', { signedHeaders: ['host'] }],
      ['AuthFailure.InvalidAuthorization', { signedHeaders: ['content-type'] }],
      ['AuthFailure.InvalidAuthorization', authorization(`${yesterday}/cvm/tc3_request`)],
      ['AuthFailure.InvalidAuthorization', authorization(`${today}/cvm/tc2_request`)],
      ['AuthFailure.InvalidAuthorization', authorization(`${today}/cvm/tc3_request`, 'content-type;host', 'beef')],
    ];
    for (const [code, options] of refusals) {
      const answer = await cloud.send('DescribeZones', {}, options);
      assert.equal(codeOf(answer), code, `${JSON.stringify(options)} ${answer.body}`);
    }
    // What was signed may not be changed on the way.
    const tampered = await cloud.send('DescribeInstances', {}, { query: 'Limit=5', path: '/?Offset=0&' });
    assert.equal(codeOf(tampered), 'AuthFailure.SignatureFailure');
  });

  test('need not name the service of the action, except in the strict mode', async (t) => {
    const [lenient, strict] = await Promise.all([
      simulatorFor(t),
      simulatorFor(t, { switches: { strictScope: true } }),
    ]);
    await new Cloud(lenient.port).ask('DescribeZones', {}, { service: '127' });
    const cloud = new Cloud(strict.port);
    await cloud.ask('DescribeZones');
    for (const service of ['127', 'cbs', `localhost:${strict.port}`]) {
      await cloud.refused('AuthFailure.InvalidAuthorization', 'DescribeZones', {}, { service });
    }
    await cloud.ask('DescribeDisks', {}, { service: 'cbs' });
    await cloud.refused('AuthFailure.InvalidAuthorization', 'DescribeDisks', {}, { service: 'cvm' });
  });
});

describe('the wire', { concurrency: true }, () => {
  test('is a proxy for plain HTTP as well, without calling anyone', async (t) => {
    const { port } = await simulatorFor(t);
    const socket = await tunnelTo(port, 'cvm.tencentcloudapi.com:80');
    assert.match(socket.greeting, /^HTTP\/1\.1 200 /);
    socket.write('POST / HTTP/1.1\r\nHost: cvm.tencentcloudapi.com\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
    assert.match(await socket.rest(), /AuthFailure\.InvalidAuthorization/);
    const secure = await tunnelTo(port, 'cvm.tencentcloudapi.com:443');
    assert.match(secure.greeting, /^HTTP\/1\.1 501 .*http:\/\//s);
  });

  test('refuses other methods, other bodies and too much', async (t) => {
    const { port } = await simulatorFor(t);
    const headers = { Host: `127.0.0.1:${port}`, 'X-TC-Action': 'DescribeZones' };
    const raw = async (method: string, body = '', more: Record<string, string> = {}): Promise<string> =>
      codeOf(await sendRaw(port, method, '/', Buffer.from(body), { ...headers, ...more }));
    assert.equal(await raw('PUT'), 'UnsupportedProtocol');
    assert.equal(await raw('DELETE'), 'UnsupportedProtocol');
    const json = { 'Content-Type': 'application/json' };
    assert.equal(await raw('POST', '{}', json), 'AuthFailure.InvalidAuthorization');
    const form = { 'Content-Type': 'application/x-www-form-urlencoded' };
    assert.equal(await raw('POST', `Action=${'x'.repeat(1024 * 1024)}`, form), 'RequestSizeLimitExceeded');
    const signed = { ...json, Authorization: 'TC3-HMAC-SHA256 x' };
    assert.equal(await raw('POST', 'x'.repeat(10 * 1024 * 1024 + 1), signed), 'RequestSizeLimitExceeded');
    // Nested without end, which must not fill the stack.
    const nested = `{"Filters":${'['.repeat(50_000)}${']'.repeat(50_000)}}`;
    assert.equal(await raw('POST', nested, signed), 'InvalidParameter');
    assert.equal(await raw('POST', `Filters${'.0'.repeat(50_000)}=1`, form), 'InvalidParameter');
    const ofLength = (length: number): ReturnType<typeof sendRaw> => {
      const query = `Action=DescribeZones&Version=2017-03-12&x=${'x'.repeat(length)}`;
      return sendRaw(port, 'GET', `/?${query}`, Buffer.alloc(0), { Host: `127.0.0.1:${port}` });
    };
    assert.equal(codeOf(await ofLength(30_000)), 'AuthFailure.InvalidAuthorization');
    assert.equal(codeOf(await ofLength(33_000)), 'RequestSizeLimitExceeded');
  });

  test('gives every answer as plain JSON with a RequestId of its own', async (t) => {
    const { port } = await simulatorFor(t);
    const answers = await Promise.all([
      new Cloud(port).send('DescribeZones', {}),
      new Cloud(port).send('DescribeZones', { Nonsense: 1 }),
      new Cloud(port).send('Frobnicate', {}),
      sendV1(port, 'DescribeZones', {}, { signature: 'x' }),
      sendRaw(port, 'PUT', '/', Buffer.alloc(0), { Host: 'x' }),
    ]);
    const ids = answers.map(({ status, type, body }) => {
      assert.equal(status, 200);
      assert.equal(type, 'application/json');
      return (JSON.parse(body) as { Response: { RequestId: string } }).Response.RequestId;
    });
    for (const id of ids) assert.match(id, /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
    assert.equal(new Set(ids).size, answers.length);
  });
});

/** Opens a tunnel by CONNECT and reads what the proxy says first. */
async function tunnelTo(
  port: number,
  target: string,
): Promise<{ greeting: string; write(text: string): void; rest(): Promise<string> }> {
  const socket = connect(port, '127.0.0.1');
  socket.setEncoding('utf8');
  socket.write(`CONNECT ${target} HTTP/1.1\r\nHost: ${target}\r\n\r\n`);
  const [greeting] = (await once(socket, 'data')) as [string];
  return {
    greeting,
    write: (text) => void socket.write(text),
    rest: async () => {
      let text = '';
      for await (const chunk of socket as AsyncIterable<string>) text += chunk;
      return text;
    },
  };
}
