import { type Session } from '../state/records';
import { type World } from '../state/world';
import { ApiError } from './errors';
import { type ApiRequest } from './request';
import { type ServiceName } from './schema';
import { hostCandidates, parseAuthorization, sameSignature, tc3Signature, v1Signature } from './signature';

/** Who makes a request. */
export interface Caller {
  /** Root account (uin) that owns what the caller sees. */
  readonly account: string;
  /** Set when the caller uses a temporary key. */
  readonly session?: Session;
}

const allowedSkewSeconds = 300;

/** Verifies the signature of a request; throws the API's own AuthFailure codes. */
export function authenticate(world: World, request: ApiRequest, service: ServiceName): Caller {
  return request.authorization === undefined
    ? authenticateV1(world, request, service)
    : authenticateTc3(world, request, service);
}

function authenticateTc3(world: World, request: ApiRequest, service: ServiceName): Caller {
  const parsed = parseAuthorization(request.authorization ?? '');
  if (
    parsed === undefined ||
    !parsed.signedHeaders.includes('host') ||
    !parsed.signedHeaders.includes('content-type')
  ) {
    throw new ApiError(
      'AuthFailure.InvalidAuthorization',
      'The request `Authorization` header does not conform to tencentcloud standards.',
    );
  }
  if (world.switches.strictScope && parsed.service !== service) {
    throw new ApiError(
      'AuthFailure.InvalidAuthorization',
      'The request `Authorization` header does not conform to tencentcloud standards: `Service` in Credential not valid.',
    );
  }
  checkTime(world, request.timestamp);
  if (parsed.date !== new Date(request.timestamp * 1000).toISOString().slice(0, 10)) {
    throw new ApiError(
      'AuthFailure.InvalidAuthorization',
      'The date in Credential is not the UTC date of X-TC-Timestamp.',
    );
  }
  const { secretKey, caller } = keyOf(world, parsed.secretId, request.token);
  const { raw } = request;
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(raw.headers))
    headers[name] = Array.isArray(value) ? value.join(',') : (value ?? '');
  const common = {
    method: raw.method,
    query: raw.method === 'GET' ? raw.query : '',
    signedHeaders: parsed.signedHeaders,
    body: raw.body,
    unsignedPayload: headers['x-tc-content-sha256'] === 'UNSIGNED-PAYLOAD',
    timestamp: request.timestamp,
    date: parsed.date,
    service: parsed.service,
  };
  const paths = new Set(['/', raw.path, raw.path.replace(/\/*$/, '/')]);
  for (const host of hostCandidates(headers.host ?? '', service, request.region, raw.authority)) {
    for (const uri of paths) {
      for (const keepCase of [false, true]) {
        const expected = tc3Signature({ ...common, uri, headers: { ...headers, host }, keepCase }, secretKey);
        if (sameSignature(expected, parsed.signature)) return caller;
      }
    }
  }
  throw badSignature();
}

function authenticateV1(world: World, request: ApiRequest, service: ServiceName): Caller {
  const { signedParams: params, raw } = request;
  const { SecretId: secretId, Signature: signature } = params;
  if (secretId === undefined || signature === undefined) {
    throw new ApiError('AuthFailure.InvalidAuthorization', 'The request carries no signature.');
  }
  const algorithm = params.SignatureMethod ?? 'HmacSHA1';
  if (algorithm !== 'HmacSHA1' && algorithm !== 'HmacSHA256') {
    throw new ApiError('InvalidParameterValue', '`SignatureMethod` must be HmacSHA1 or HmacSHA256.');
  }
  if (!/^[1-9]\d*$/.test(params.Nonce ?? '')) {
    throw new ApiError('InvalidParameterValue', '`Nonce` must be a positive integer.');
  }
  checkTime(world, request.timestamp);
  const { secretKey, caller } = keyOf(world, secretId, request.token);
  for (const host of hostCandidates(raw.headers.host ?? '', service, request.region, raw.authority)) {
    for (const path of new Set(['/', raw.path])) {
      const expected = v1Signature({ method: raw.method, host, path, params, algorithm }, secretKey);
      if (sameSignature(expected, signature)) return caller;
    }
  }
  throw badSignature();
}

function checkTime(world: World, timestamp: number): void {
  if (!Number.isFinite(timestamp) || Math.abs(world.realTime() / 1000 - timestamp) > allowedSkewSeconds) {
    throw new ApiError(
      'AuthFailure.SignatureExpire',
      'The provided credentials could not be validated because the signature has expired. Please check your system time.',
    );
  }
}

function keyOf(world: World, secretId: string, token: string): { secretKey: string; caller: Caller } {
  for (const account of world.accounts.all()) {
    const key = account.keys.find((candidate) => candidate.secretId === secretId);
    if (key === undefined || key.revoked === true) continue;
    if (token !== '') throw badToken();
    return { secretKey: key.secretKey, caller: { account: account.id } };
  }
  const session = world.sessions.get(secretId);
  if (session === undefined) {
    throw new ApiError(
      'AuthFailure.SecretIdNotFound',
      'The SecretId is not found, please ensure that your SecretId is correct.',
    );
  }
  if (session.token !== token || session.expiresAt <= world.now()) throw badToken();
  return { secretKey: session.secretKey, caller: { account: session.uin, session } };
}

function badToken(): ApiError {
  return new ApiError(
    'AuthFailure.TokenFailure',
    'The provided credentials could not be validated: the token is wrong or expired.',
  );
}

function badSignature(): ApiError {
  return new ApiError(
    'AuthFailure.SignatureFailure',
    'The provided credentials could not be validated. Please check your signature is correct.',
  );
}
