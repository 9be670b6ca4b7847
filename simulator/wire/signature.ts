import { createHash, createHmac, timingSafeEqual } from 'node:crypto';

/** What a TC3-HMAC-SHA256 signature is computed from. */
export interface SignedRequest {
  readonly method: string;
  readonly uri: string;
  /** The query string as sent; '' for POST. */
  readonly query: string;
  /** Header values by lower-case name. */
  readonly headers: Readonly<Record<string, string>>;
  readonly signedHeaders: readonly string[];
  readonly body: Buffer;
  readonly unsignedPayload: boolean;
  readonly timestamp: number;
  readonly date: string;
  readonly service: string;
  /** Signs header values as they are; by the documentation they are signed in lower case. */
  readonly keepCase?: boolean;
}

const sha256 = (data: string | Buffer): string => createHash('sha256').update(data).digest('hex');
const hmac = (key: string | Buffer, data: string): Buffer => createHmac('sha256', key).update(data).digest();

/** The TC3-HMAC-SHA256 signature, in hex. */
export function tc3Signature(request: SignedRequest, secretKey: string): string {
  const payload = request.unsignedPayload ? 'UNSIGNED-PAYLOAD' : request.method === 'GET' ? '' : request.body;
  const valueOf = (name: string): string => {
    const value = (request.headers[name] ?? '').trim();
    return request.keepCase === true ? value : value.toLowerCase();
  };
  const canonical = [
    request.method,
    request.uri,
    request.query,
    ...request.signedHeaders.map((name) => `${name}:${valueOf(name)}`),
    '',
    request.signedHeaders.join(';'),
    sha256(payload),
  ].join('\n');
  const scope = `${request.date}/${request.service}/tc3_request`;
  const text = ['TC3-HMAC-SHA256', request.timestamp, scope, sha256(canonical)].join('\n');
  const key = hmac(hmac(hmac(`TC3${secretKey}`, request.date), request.service), 'tc3_request');
  return hmac(key, text).toString('hex');
}

/** The V1 signature (HmacSHA1 or HmacSHA256), in base64. */
export function v1Signature(
  request: { method: string; host: string; path: string; params: Readonly<Record<string, string>>; algorithm: string },
  secretKey: string,
): string {
  const query = Object.keys(request.params)
    .filter((name) => name !== 'Signature')
    .sort()
    .map((name) => `${name}=${request.params[name] ?? ''}`)
    .join('&');
  const hash = request.algorithm === 'HmacSHA256' ? 'sha256' : 'sha1';
  const text = `${request.method}${request.host}${request.path}?${query}`;
  return createHmac(hash, secretKey).update(text).digest('base64');
}

/** The parts of an `Authorization: TC3-HMAC-SHA256 …` header, or undefined when it has another form. */
export function parseAuthorization(
  header: string,
): { secretId: string; date: string; service: string; signedHeaders: string[]; signature: string } | undefined {
  const match =
    /^TC3-HMAC-SHA256\s+Credential=([^/,\s]+)\/(\d{4}-\d{2}-\d{2})\/([^/,]+)\/tc3_request,\s*SignedHeaders=([^,\s]+),\s*Signature=([0-9a-f]{64})$/.exec(
      header.trim(),
    );
  if (match === null) return undefined;
  const [, secretId = '', date = '', service = '', headers = '', signature = ''] = match;
  return { secretId, date, service, signedHeaders: headers.split(';'), signature };
}

/**
 * Hosts that a client may have signed although another one reached us: SDKs differ in whether the port, or even the scheme,
 * is part of what they sign, and a client behind a proxy or a rewritten endpoint signs the official name. `authority` is
 * the host of an absolute-form request target.
 */
export function hostCandidates(host: string, service: string, region: string, authority = ''): string[] {
  const bare = host.replace(/^https?:\/\//, '').replace(/\/+$/, '');
  const reached = [host, bare, withoutPort(bare)];
  if (authority !== '') reached.push(authority, withoutPort(authority));
  const sites = ['', 'internal.', 'intl.'].flatMap((site) => [
    `${service}.${site}tencentcloudapi.com`,
    `${service}.${region}.${site}tencentcloudapi.com`,
  ]);
  return [...new Set([...reached, ...sites])];
}

function withoutPort(host: string): string {
  return host.replace(/:\d+$/, '');
}

/** Compares two signatures in constant time. */
export function sameSignature(left: string, right: string): boolean {
  const [a, b] = [Buffer.from(left), Buffer.from(right)];
  return a.length === b.length && timingSafeEqual(a, b);
}
