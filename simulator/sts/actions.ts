import { createHash, randomBytes } from 'node:crypto';
import { type Action } from '../wire/action';
import { ApiError } from '../wire/errors';
import { isoTime } from '../wire/formats';

interface AssumeRoleRequest {
  readonly RoleArn: string;
  readonly RoleSessionName: string;
  readonly DurationSeconds?: number;
  readonly Policy?: string;
}

const maximalDuration = 43_200;

/** A temporary key that acts as a role. Its life is real time, whatever the speed. */
const assumeRole: Action = (call) => {
  const { world } = call;
  const request = call.params as AssumeRoleRequest;
  const match = /^qcs::cam::uin\/(\d+):role(?:Name)?\/(.+)$/.exec(request.RoleArn);
  if (match === null)
    throw new ApiError('InvalidParameter.ParamError', `The role name \`${request.RoleArn}\` is malformed.`);
  const [, uin = '', name = ''] = match;
  const role = world.accounts.get(uin)?.roles.find((candidate) => candidate.name === name || candidate.id === name);
  if (role === undefined)
    throw new ApiError('ResourceNotFound.RoleNotFound', `The role \`${request.RoleArn}\` does not exist.`);
  if (!role.trusts.includes(call.account)) {
    throw new ApiError('UnauthorizedOperation', `The role \`${name}\` does not trust the account \`${call.account}\`.`);
  }
  const seconds = request.DurationSeconds ?? 7200;
  if (seconds < 1 || seconds > maximalDuration) {
    throw new ApiError(
      'InvalidParameter.OverTimeError',
      `\`DurationSeconds\` must be between 1 and ${maximalDuration}.`,
    );
  }
  const expiresAt = world.now() + seconds * 1000;
  const session = world.sessions.put({
    id: `AKID${randomBytes(24).toString('hex')}`,
    secretKey: randomBytes(24).toString('base64'),
    token: randomBytes(96).toString('base64url'),
    uin,
    roleId: role.id,
    roleName: role.name,
    sessionName: request.RoleSessionName,
    expiresAt,
  });
  return {
    Credentials: { Token: session.token, TmpSecretId: session.id, TmpSecretKey: session.secretKey },
    ExpiredTime: Math.floor(expiresAt / 1000),
    Expiration: isoTime(expiresAt),
  };
};

const getCallerIdentity: Action = (call) => {
  const { account, caller } = call;
  const { role } = caller;
  if (role === undefined) {
    return {
      Arn: `qcs::cam::uin/${account}:uin/${account}`,
      AccountId: account,
      UserId: account,
      PrincipalId: account,
      Type: 'CAMUser',
    };
  }
  const id = `${role.id}:${role.session}`;
  const principal = createHash('sha256').update(id).digest().readUInt32BE(0);
  return {
    Arn: `qcs::sts::uin/${account}:assumed-role/${id}`,
    AccountId: account,
    UserId: id,
    PrincipalId: String(principal),
    Type: 'CAMRole',
  };
};

/** What the simulator serves of STS. */
export const stsActions: Readonly<Record<string, Action>> = {
  AssumeRole: assumeRole,
  GetCallerIdentity: getCallerIdentity,
};
