import assert from 'node:assert/strict';
import { request } from 'node:http';
import { type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Simulator, type SimulatorOptions, startSimulator } from '../../simulator/index';
import { isListedCode, misfits } from '../../simulator/wire/answers';
import { serviceOf, services } from '../../simulator/wire/schema';
import { tc3Signature, v1Signature } from '../../simulator/wire/signature';

/** Fields of an answer. */
export type Fields = Record<string, unknown>;
export type Row = Record<string, unknown>;

/** An error answer. */
export class CloudError extends Error {
  constructor(
    readonly code: string,
    message: string,
  ) {
    super(`${code}: ${message}`);
  }
}

export interface Key {
  readonly secretId: string;
  readonly secretKey: string;
  readonly token?: string;
}

export const developmentKey: Key = { secretId: 'AKIDsimulator', secretKey: 'simulator' };
export const otherKey: Key = { secretId: 'AKIDsimulator2', secretKey: 'simulator2' };

export interface RequestOptions {
  readonly region?: string;
  readonly key?: Key;
  /** Host header, and what is signed unless `signedHost` is given. */
  readonly host?: string;
  readonly signedHost?: string;
  readonly service?: string;
  readonly version?: string;
  readonly timestamp?: number;
  readonly headers?: Record<string, string>;
  readonly unsignedPayload?: boolean;
  /** Default: content-type and host. */
  readonly signedHeaders?: readonly string[];
  /** Signs header values as they are instead of in lower case. */
  readonly keepCase?: boolean;
  /** Sends the parameters in the query string of a GET. */
  readonly query?: string;
  readonly path?: string;
}

/**
 * A fast simulator that is closed when the test ends. Rates are off, since tests poll as fast as they can; answers are
 * checked by the simulator itself too.
 */
export async function simulatorFor(test: TestContext, options: SimulatorOptions = {}): Promise<Simulator> {
  const simulator = await startSimulator({ speed: 6000, rateScale: 0, strictAnswers: true, ...options });
  test.after(() => simulator.close());
  return simulator;
}

/** The cloud's clock in the hand of a test, so that what is on its way stays so until the test lets time pass. */
export class Clock {
  private at = Date.now();
  readonly now = (): number => this.at;

  /** Lets simulated seconds pass, at speed 1. Beyond 300 of them the signatures of {@link Cloud} count as expired. */
  pass(seconds: number): void {
    this.at += seconds * 1000;
  }
}

/** A simulator at speed 1 whose clock stands still but for `clock.pass`. */
export async function simulatorWithClock(test: TestContext, options: SimulatorOptions = {}) {
  const clock = new Clock();
  return { clock, simulator: await simulatorFor(test, { speed: 1, now: clock.now, ...options }) };
}

/** A small client with its own requests, so that everything that a real one sends can also be sent wrongly. */
export class Cloud {
  constructor(
    readonly port: number,
    readonly region = 'ap-guangzhou',
    readonly key = developmentKey,
  ) {}

  in(region: string, key = this.key): Cloud {
    return new Cloud(this.port, region, key);
  }

  /** Calls an action and checks that the answer is what the API's description promises. */
  async ask(action: string, params: Fields = {}, options: RequestOptions = {}): Promise<Fields> {
    const { status, type, body } = await this.send(action, params, options);
    assert.equal(status, 200, `HTTP ${status}`);
    assert.equal(type, 'application/json');
    const { Response: response } = JSON.parse(body) as {
      Response: Fields & { Error?: { Code: string; Message: string } };
    };
    assert.match(String(response.RequestId), /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/);
    if (response.Error !== undefined) {
      assert.ok(isListedCode(action, response.Error.Code), `${action} does not list ${response.Error.Code}`);
      throw new CloudError(response.Error.Code, response.Error.Message);
    }
    const service = serviceOf.get(action);
    assert.ok(service !== undefined);
    assert.deepEqual(misfits(service, action, response), []);
    return response;
  }

  /** Expects the action to be refused with this code. */
  async refused(code: string, action: string, params: Fields = {}, options: RequestOptions = {}): Promise<void> {
    await assert.rejects(this.ask(action, params, options), (error: unknown) => {
      assert.ok(error instanceof CloudError, String(error));
      assert.equal(error.code, code, error.message);
      return true;
    });
  }

  /** The rows of a Describe answer. */
  async rows(action: string, set: string, params: Fields = {}): Promise<Row[]> {
    return (await this.ask(action, params))[set] as Row[];
  }

  async instance(id: string): Promise<Row> {
    const [row] = await this.rows('DescribeInstances', 'InstanceSet', { InstanceIds: [id] });
    assert.ok(row !== undefined, `no instance ${id}`);
    return row;
  }

  async image(id: string): Promise<Row> {
    const [row] = await this.rows('DescribeImages', 'ImageSet', { ImageIds: [id] });
    assert.ok(row !== undefined, `no image ${id}`);
    return row;
  }

  async snapshot(id: string): Promise<Row> {
    const [row] = await this.rows('DescribeSnapshots', 'SnapshotSet', { SnapshotIds: [id] });
    assert.ok(row !== undefined, `no snapshot ${id}`);
    return row;
  }

  /** Waits until the instance is in the state and nothing goes on with it. */
  async settled(id: string, state: string): Promise<Row> {
    return until(`${id} ${state}`, async () => {
      const row = await this.instance(id);
      return row.InstanceState === state && row.LatestOperationState !== 'OPERATING' ? row : undefined;
    });
  }

  /** Waits until the disk is in the state. */
  async disk(id: string, state: string): Promise<Row> {
    return until(`${id} ${state}`, async () => {
      const [row] = await this.rows('DescribeDisks', 'DiskSet', { DiskIds: [id] });
      return row?.DiskState === state ? row : undefined;
    });
  }

  async stopped(id: string): Promise<Row> {
    await this.ask('StopInstances', { InstanceIds: [id] });
    return this.settled(id, 'STOPPED');
  }

  async imageDone(id: string, state = 'NORMAL'): Promise<Row> {
    return until(`${id} ${state}`, async () => {
      const row = await this.image(id);
      return row.ImageState === state ? row : undefined;
    });
  }

  async snapshotDone(id: string): Promise<Row> {
    return until(`${id} NORMAL`, async () => {
      const row = await this.snapshot(id);
      return row.SnapshotState === 'NORMAL' ? row : undefined;
    });
  }

  /** Sends a signed request and gives back what came, whatever it is. */
  send(
    action: string,
    params: Fields,
    options: RequestOptions = {},
  ): Promise<{ status: number; type: string; body: string }> {
    const key = options.key ?? this.key;
    const { host = `127.0.0.1:${this.port}`, query = '', path = '/' } = options;
    const signedHost = options.signedHost ?? host;
    const method = query === '' ? 'POST' : 'GET';
    const body = Buffer.from(method === 'GET' ? '' : JSON.stringify(params));
    const known = serviceOf.get(action) ?? 'cvm';
    const service = options.service ?? known;
    const timestamp = options.timestamp ?? Math.floor(Date.now() / 1000);
    const date = new Date(timestamp * 1000).toISOString().slice(0, 10);
    const { unsignedPayload = false, keepCase = false, signedHeaders = ['content-type', 'host'] } = options;
    const headers: Record<string, string> = {
      Host: host,
      'Content-Type': method === 'GET' ? 'application/x-www-form-urlencoded' : 'application/json',
      'X-TC-Action': action,
      'X-TC-Version': options.version ?? services[known].version,
      'X-TC-Timestamp': String(timestamp),
      'X-TC-Region': options.region ?? this.region,
      ...(key.token === undefined ? {} : { 'X-TC-Token': key.token }),
      ...(unsignedPayload ? { 'X-TC-Content-SHA256': 'UNSIGNED-PAYLOAD' } : {}),
      ...options.headers,
    };
    const lower = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
    const signed = { ...lower, host: signedHost };
    const signature = tc3Signature(
      {
        ...{ method, uri: '/', query, headers: signed, signedHeaders, body },
        ...{ unsignedPayload, timestamp, date, service, keepCase },
      },
      key.secretKey,
    );
    return sendRaw(this.port, method, query === '' ? path : `${path}?${query}`, body, {
      Authorization: `TC3-HMAC-SHA256 Credential=${key.secretId}/${date}/${service}/tc3_request, SignedHeaders=${signedHeaders.join(';')}, Signature=${signature}`,
      ...headers,
    });
  }
}

/** How a request with the older signature method (V1) differs from the usual one. */
export interface V1Options {
  readonly method?: 'GET' | 'POST';
  readonly algorithm?: 'HmacSHA1' | 'HmacSHA256';
  /** Leaves SignatureMethod out, which means HmacSHA1. */
  readonly implicit?: boolean;
  readonly signedHost?: string;
  readonly key?: Key;
  /** Parameters that are added or (undefined) left out before signing. */
  readonly common?: Readonly<Record<string, string | undefined>>;
  /** Sent in place of the right signature. */
  readonly signature?: string;
}

/** Sends a request signed by V1; parameters have dotted names, such as `Filters.0.Name`. */
export function sendV1(
  port: number,
  action: string,
  params: Readonly<Record<string, string>>,
  options: V1Options = {},
): ReturnType<typeof sendRaw> {
  const { method = 'POST', algorithm = 'HmacSHA256', key = developmentKey } = options;
  const host = `127.0.0.1:${port}`;
  const given: Record<string, string | undefined> = {
    ...params,
    Action: action,
    Version: services[serviceOf.get(action) ?? 'cvm'].version,
    Region: 'ap-guangzhou',
    Timestamp: String(Math.floor(Date.now() / 1000)),
    Nonce: '7',
    SecretId: key.secretId,
    SignatureMethod: options.implicit === true ? undefined : algorithm,
    Token: key.token,
    ...options.common,
  };
  const all = Object.fromEntries(Object.entries(given).filter((entry): entry is [string, string] => !!entry[1]));
  const signed = { method, host: options.signedHost ?? host, path: '/', params: all, algorithm };
  const Signature = options.signature ?? v1Signature(signed, key.secretKey);
  const text = new URLSearchParams({ ...all, Signature }).toString();
  const headers = { Host: host, 'Content-Type': 'application/x-www-form-urlencoded' };
  return method === 'GET'
    ? sendRaw(port, 'GET', `/?${text}`, Buffer.alloc(0), { Host: host })
    : sendRaw(port, 'POST', '/', Buffer.from(text), headers);
}

/** The error code of an answer, or 'OK'. */
export function codeOf({ body }: { readonly body: string }): string {
  const { Response } = JSON.parse(body) as { Response: { Error?: { Code: string } } };
  return Response.Error?.Code ?? 'OK';
}

/** Stops the cloud's clock: nothing happens by itself until `advance` says so. */
export async function stopClock(url: string): Promise<void> {
  await control(url, 'POST', '/clock', { stopped: true });
}

/** Puts the cloud's clock forward, by simulated seconds or to the next thing that will happen. */
export async function advance(url: string, by: number | 'next' = 'next'): Promise<void> {
  await control(url, 'POST', '/clock', { advance: by });
}

/** One HTTP request with exactly these headers. */
export function sendRaw(
  port: number,
  method: string,
  path: string,
  body: Buffer,
  headers: Record<string, string>,
): Promise<{ status: number; type: string; body: string }> {
  return new Promise((resolve, reject) => {
    const outgoing = request({ host: '127.0.0.1', port, method, path, headers, agent: false }, (incoming) => {
      const chunks: Buffer[] = [];
      incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
      incoming.on('error', reject);
      incoming.on('end', () => {
        resolve({
          status: incoming.statusCode ?? 0,
          type: incoming.headers['content-type'] ?? '',
          body: Buffer.concat(chunks).toString('utf8'),
        });
      });
    });
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

/** A request to the control API; throws when it is refused. */
export async function control(url: string, method: string, path: string, body?: unknown): Promise<Fields> {
  const response = await fetch(`${url}/_simulator${path}`, {
    method,
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const answer = (await response.json()) as Fields;
  if (response.status !== 200) throw new Error(String(answer.error));
  return answer;
}

/** Asks until there is an answer; fails after 20 seconds. */
export async function until<T>(what: string, look: () => Promise<T | undefined>): Promise<T> {
  const deadline = Date.now() + 20_000;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    if (Date.now() > deadline) throw new Error(`waited in vain for: ${what}`);
    await sleep(3);
  }
}
