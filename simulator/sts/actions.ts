import { randomBytes } from 'node:crypto';
import { type Session } from '../state/records';
import { type Action, type Call } from '../wire/action';
import { ApiError } from '../wire/errors';
import { isoTime } from '../wire/formats';

interface AssumeRoleRequest {
  readonly RoleArn: string;
  readonly RoleSessionName: string;
  readonly DurationSeconds?: number;
  readonly Policy?: string;
}

interface FederationTokenRequest {
  readonly Name: string;
  readonly Policy: string;
  readonly DurationSeconds?: number;
}

/** Seconds that a temporary key lives. */
const roleLife = { usual: 7200, most: 43_200 };
const federatedLife = { usual: 1800, most: 7200 };

/** A temporary key that acts as a role. */
const assumeRole: Action = (call) => {
  const { world } = call;
  const request = call.params as AssumeRoleRequest;
  const match = /^qcs::cam::uin\/(\d+):role(?:Name)?\/(.+)$/.exec(request.RoleArn);
  if (match === null)
    throw new ApiError('InvalidParameter.ParamError', `The role name \`${request.RoleArn}\` is malformed.`);
  requireName('RoleSessionName', request.RoleSessionName);
  if ((request.Policy ?? '') !== '') requirePolicy(request.Policy!);
  const [, uin = '', name = ''] = match;
  const role = world.accounts.get(uin)?.roles.find((candidate) => candidate.name === name || candidate.id === name);
  if (role === undefined)
    throw new ApiError('ResourceNotFound.RoleNotFound', `The role \`${request.RoleArn}\` does not exist.`);
  if (!role.trusts.includes(call.account)) {
    throw new ApiError('UnauthorizedOperation', `The role \`${name}\` does not trust the account \`${call.account}\`.`);
  }
  const { id } = role;
  return newKey(call, { uin, role: { id, name: role.name }, name: request.RoleSessionName }, request, roleLife);
};

/** A temporary key of a federated user of the caller's own account. */
const getFederationToken: Action = (call) => {
  const request = call.params as FederationTokenRequest;
  requireName('Name', request.Name);
  requirePolicy(request.Policy);
  return newKey(call, { uin: call.account, role: null, name: request.Name }, request, federatedLife);
};

/** Makes a temporary key. Its life is real time, whatever the speed. */
function newKey(
  call: Call,
  whose: Pick<Session, 'uin' | 'role' | 'name'>,
  request: { readonly DurationSeconds?: number },
  life: { readonly usual: number; readonly most: number },
): object {
  const { world } = call;
  const seconds = request.DurationSeconds ?? life.usual;
  if (seconds < 1 || seconds > life.most) {
    throw new ApiError('InvalidParameter.OverTimeError', `\`DurationSeconds\` must be between 1 and ${life.most}.`);
  }
  const expiresAt = world.now() + seconds * 1000;
  const session = world.sessions.put({
    id: `AKID${randomBytes(24).toString('hex')}`,
    secretKey: randomBytes(24).toString('base64'),
    token: randomBytes(96).toString('base64url'),
    requester: call.account,
    expiresAt,
    ...whose,
  });
  return {
    Credentials: { Token: session.token, TmpSecretId: session.id, TmpSecretKey: session.secretKey },
    ExpiredTime: Math.floor(expiresAt / 1000),
    Expiration: isoTime(expiresAt),
  };
}

function requireName(parameter: string, name: string): void {
  if (/^[\w+=,.@-]{2,128}$/.test(name)) return;
  throw new ApiError('InvalidParameter.ParamError', `\`${parameter}\` must be 2 to 128 letters, digits or \`=,.@_-\`.`);
}

/** A policy is checked for its form only: the simulator has no access management. Some SDKs encode it, some do not. */
function requirePolicy(text: string): void {
  let policy: unknown;
  try {
    policy = JSON.parse(text.trimStart().startsWith('{') ? text : decodeURIComponent(text));
  } catch {
    throw new ApiError('InvalidParameter.StrategyFormatError', '`Policy` is not URL-encoded JSON.');
  }
  const { statement } = (typeof policy === 'object' ? (policy ?? {}) : {}) as { statement?: unknown };
  if (!Array.isArray(statement) || statement.length === 0) {
    throw new ApiError('InvalidParameter.StrategyFormatError', '`Policy` has no statement.');
  }
  if (statement.some((one: unknown) => typeof one === 'object' && one !== null && 'principal' in one)) {
    throw new ApiError('InvalidParameter.StrategyInvalid', 'A statement of `Policy` must not have a principal.');
  }
}

/** Who calls: an account, a role or a federated user. */
const getCallerIdentity: Action = ({ account, caller: { session } }) => {
  const identity = (Type: string, UserId: string, PrincipalId: string, Arn: string): object => ({
    Type,
    AccountId: account,
    UserId,
    PrincipalId,
    Arn,
  });
  if (session === undefined) return identity('CAMUser', account, account, `qcs::cam:${account}:uin/${account}`);
  const { role, requester, name } = session;
  if (role === null) {
    return identity('CAMUser', `${account}:${name}`, account, `qcs::sts:${account}:federated-user/${account}`);
  }
  return identity('CAMRole', `${role.id}:${name}`, requester, `qcs::sts:${account}:assumed-role/${role.id}`);
};

/** What the simulator serves of STS. */
export const stsActions: Readonly<Record<string, Action>> = {
  AssumeRole: assumeRole,
  GetFederationToken: getFederationToken,
  GetCallerIdentity: getCallerIdentity,
};
