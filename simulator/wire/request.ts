import { type IncomingHttpHeaders } from 'node:http';
import { ApiError } from './errors';

/** An HTTP request as it arrived, body read. */
export interface RawRequest {
  readonly method: string;
  /** Path without the query string. */
  readonly path: string;
  readonly query: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** A request of API 3.0, in whichever of its forms it came. */
export interface ApiRequest {
  readonly raw: RawRequest;
  readonly action: string;
  readonly version: string;
  readonly region: string;
  readonly timestamp: number;
  readonly token: string;
  /** Absent for V1, which has its signature among its parameters. */
  readonly authorization: string | undefined;
  /** All parameters of a V1 request as sent, which is what is signed. */
  readonly signedParams: Readonly<Record<string, string>>;
  /** Parameters of the action; scalars are still strings when `textual`. */
  readonly params: Record<string, unknown>;
  readonly textual: boolean;
}

const commonParameters = new Set([
  'Action',
  'Version',
  'Region',
  'Timestamp',
  'Nonce',
  'SecretId',
  'Signature',
  'SignatureMethod',
  'Token',
  'Language',
  'RequestClient',
]);

const header = (raw: RawRequest, name: string): string => {
  const value = raw.headers[name];
  return (Array.isArray(value) ? value[0] : value) ?? '';
};

/** Reads the common headers (TC3) or fields (V1) and the action's parameters. */
export function readRequest(raw: RawRequest): ApiRequest {
  if (raw.method !== 'GET' && raw.method !== 'POST') {
    throw new ApiError('UnsupportedProtocol', 'The request method is not supported: only GET and POST are.');
  }
  const authorization = header(raw, 'authorization');
  if (authorization === '') return readV1(raw);
  return {
    raw,
    action: header(raw, 'x-tc-action'),
    version: header(raw, 'x-tc-version'),
    region: header(raw, 'x-tc-region'),
    timestamp: Number(header(raw, 'x-tc-timestamp')),
    token: header(raw, 'x-tc-token'),
    authorization,
    signedParams: {},
    params: raw.method === 'GET' ? nest(textParams(raw.query)) : parseBody(raw.body),
    textual: raw.method === 'GET',
  };
}

function readV1(raw: RawRequest): ApiRequest {
  const signedParams = textParams(raw.method === 'GET' ? raw.query : raw.body.toString('utf8'));
  const own = Object.entries(signedParams).filter(([name]) => !commonParameters.has(name));
  return {
    raw,
    action: signedParams.Action ?? header(raw, 'x-tc-action'),
    version: signedParams.Version ?? '',
    region: signedParams.Region ?? '',
    timestamp: Number(signedParams.Timestamp),
    token: signedParams.Token ?? '',
    authorization: undefined,
    signedParams,
    params: nest(Object.fromEntries(own)),
    textual: true,
  };
}

function parseBody(body: Buffer): Record<string, unknown> {
  if (body.length === 0) return {};
  let parsed: unknown;
  try {
    parsed = JSON.parse(body.toString('utf8'));
  } catch {
    throw new ApiError('InvalidRequest', 'The request body is not valid JSON.');
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) {
    throw new ApiError('InvalidRequest', 'The request body must be a JSON object.');
  }
  return parsed as Record<string, unknown>;
}

function textParams(text: string): Record<string, string> {
  return Object.fromEntries(new URLSearchParams(text));
}

/** `Filters.0.Values.1=x` to nested objects and lists. */
function nest(flat: Readonly<Record<string, string>>): Record<string, unknown> {
  const root: Record<string, unknown> = {};
  for (const [dotted, value] of Object.entries(flat)) {
    const parts = dotted.split('.');
    const last = parts.pop()!;
    let node = root;
    for (const part of parts) {
      const inner = node[part];
      node = (typeof inner === 'object' && inner !== null ? inner : (node[part] = {})) as Record<string, unknown>;
    }
    node[last] = value;
  }
  return listify(root) as Record<string, unknown>;
}

function listify(node: unknown): unknown {
  if (typeof node !== 'object' || node === null) return node;
  const entries = Object.entries(node).map(([key, value]) => [key, listify(value)] as const);
  const isList = entries.length > 0 && entries.every(([key]) => /^\d+$/.test(key));
  if (!isList) return Object.fromEntries(entries);
  return entries.sort(([a], [b]) => Number(a) - Number(b)).map(([, value]) => value);
}
