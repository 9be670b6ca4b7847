import { type IncomingHttpHeaders } from 'node:http';
import { ApiError } from './errors';

/** An HTTP request as it arrived, body read. */
export interface RawRequest {
  readonly method: string;
  /** Path without the query string. */
  readonly path: string;
  readonly query: string;
  /** The host of an absolute-form request target, which is what a client behind a proxy sends; '' otherwise. */
  readonly authority: string;
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

/** The API's limits of what a request may carry, in bytes: the query string of a GET, a V1 form, a JSON body. */
export const maximalBody = { query: 32 * 1024, form: 1024 * 1024, json: 10 * 1024 * 1024 };

/** No parameter of the API is nested deeper than some six levels. */
const deepest = 32;

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
  const most = authorization === '' ? maximalBody.form : maximalBody.json;
  if (raw.query.length > maximalBody.query || raw.body.length > most) {
    throw new ApiError('RequestSizeLimitExceeded', 'The size of the request packet exceeds the limit.');
  }
  if (authorization === '') return readV1(raw);
  return {
    raw,
    action: header(raw, 'x-tc-action'),
    version: header(raw, 'x-tc-version'),
    region: header(raw, 'x-tc-region'),
    timestamp: timestampFrom(header(raw, 'x-tc-timestamp')),
    token: header(raw, 'x-tc-token'),
    authorization,
    signedParams: {},
    params: raw.method === 'GET' ? nest(textParams(raw.query)) : parseBody(raw.body),
    textual: raw.method === 'GET',
  };
}

/** V1 has everything in the query string of a GET or in the form of a POST; anything else without a signature is not signed. */
function readV1(raw: RawRequest): ApiRequest {
  const form = /^application\/x-www-form-urlencoded\b/i.test(header(raw, 'content-type'));
  if (raw.method === 'POST' && !form) {
    throw new ApiError(
      'AuthFailure.InvalidAuthorization',
      'The request carries no `Authorization` header; without one only a signed form (signature method V1) is accepted.',
    );
  }
  const signedParams = textParams(raw.method === 'GET' ? raw.query : raw.body.toString('utf8'));
  const own = Object.entries(signedParams).filter(([name]) => !commonParameters.has(name));
  return {
    raw,
    action: signedParams.Action ?? '',
    version: signedParams.Version ?? '',
    region: signedParams.Region ?? '',
    timestamp: timestampFrom(signedParams.Timestamp ?? ''),
    token: signedParams.Token ?? '',
    authorization: undefined,
    signedParams,
    params: nest(Object.fromEntries(own)),
    textual: true,
  };
}

/** UNIX seconds; NaN for anything else, which no time of day is near. */
function timestampFrom(text: string): number {
  return /^\d+$/.test(text) ? Number(text) : NaN;
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
  if (isDeeper(parsed, deepest)) throw tooDeep();
  return parsed as Record<string, unknown>;
}

/** Whether there is something in a value that is nested deeper than so many levels. */
function isDeeper(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return levels === 0 || Object.values(value).some((inner) => isDeeper(inner, levels - 1));
}

function tooDeep(): ApiError {
  return new ApiError('InvalidParameter', `The parameters are nested deeper than ${deepest} levels.`);
}

function textParams(text: string): Record<string, string> {
  return Object.fromEntries(new URLSearchParams(text));
}

/** `Filters.0.Values.1=x` to nested objects and lists. */
function nest(flat: Readonly<Record<string, string>>): Record<string, unknown> {
  const root = new Branch();
  for (const [dotted, value] of Object.entries(flat)) {
    const parts = dotted.split('.');
    if (parts.length > deepest) throw tooDeep();
    const last = parts.pop()!;
    let node = root;
    for (const part of parts) {
      const inner = node.get(part) ?? new Branch();
      if (typeof inner === 'string') throw malformed(dotted);
      node.set(part, inner);
      node = inner;
    }
    if (node.has(last)) throw malformed(dotted);
    node.set(last, value);
  }
  return Object.fromEntries([...root].map(([name, value]) => [name, built(value)]));
}

class Branch extends Map<string, string | Branch> {}

function malformed(dotted: string): ApiError {
  return new ApiError('InvalidParameter', `The parameter \`${dotted}\` contradicts another one.`);
}

/** A branch whose names are all numbers is a list, in the order of the numbers. */
function built(value: string | Branch): unknown {
  if (typeof value === 'string') return value;
  const entries = [...value];
  if (!entries.every(([key]) => /^\d+$/.test(key))) {
    return Object.fromEntries(entries.map(([key, inner]) => [key, built(inner)]));
  }
  return entries.sort(([a], [b]) => Number(a) - Number(b)).map(([, inner]) => built(inner));
}
