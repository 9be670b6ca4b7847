import { type KeyPair } from '../state/records';
import { type World } from '../state/world';
import { type Action, type Call } from '../wire/action';
import { ApiError } from '../wire/errors';
import { type Filter, type FilterKeys, matcher, page, tagKeys } from '../wire/filters';
import { characters, isoTime, tagList } from '../wire/formats';
import { newRsaKey, rsaKeyOf } from './public-keys';
import { type TagSpecification, specifiedTags } from './tag-specification';

/** Key pairs that an account may have in a region. */
export function keyPairQuota(world: World, region: string): number {
  return world.settings.get(`keyPairQuota/${region}`)?.value ?? 100;
}

/** The key pairs that an action names; throws for a malformed ID, an unknown one, too many. */
export function requireKeyPairs(call: Call, ids: readonly string[]): KeyPair[] {
  if (ids.length === 0) throw new ApiError('MissingParameter', 'The request is missing a required parameter `KeyIds`.');
  if (ids.length > 100)
    throw new ApiError('InvalidParameterValue.LimitExceeded', 'The number of key pairs exceeds the limit `100`.');
  return [...new Set(ids)].map((id) => requireKeyPair(call, id));
}

function requireKeyPair(call: Call, id: string): KeyPair {
  if (!/^skey-[0-9a-z]{8}$/.test(id))
    throw new ApiError('InvalidKeyPairId.Malformed', `The key pair ID \`${id}\` is malformed.`);
  const key = call.world.keyPairs.get(id);
  if (key?.account !== call.account || key.region !== call.region)
    throw new ApiError('InvalidKeyPairId.NotFound', `The key pair \`${id}\` does not exist.`);
  return key;
}

function requireName(call: Call, name: string, except?: string): void {
  if (name === '') throw new ApiError('InvalidKeyPairNameEmpty', 'The key pair name is empty.');
  if (characters(name) > 25)
    throw new ApiError('InvalidKeyPairNameTooLong', 'The key pair name exceeds 25 characters.');
  if (!/^[A-Za-z0-9_]+$/.test(name)) {
    throw new ApiError(
      'InvalidKeyPairNameIncludeIllegalChar',
      'A key pair name consists of letters, digits and underscores.',
    );
  }
  requireFreeKeyName(call, name, except);
}

function requireFreeKeyName(call: Call, name: string, except?: string): void {
  for (const key of call.world.keyPairs.in(call.account, call.region)) {
    if (key.name === name && key.id !== except)
      throw new ApiError('InvalidKeyPairName.Duplicate', `The key pair name \`${name}\` already exists.`);
  }
}

interface CreateRequest {
  readonly KeyName: string;
  readonly ProjectId: number;
  readonly PublicKey?: string;
  readonly TagSpecification?: readonly TagSpecification[];
}

/** Checks what creating and importing have in common; gives what is left to be done. */
function newKeyPair(call: Call): (publicKey: string, id: string) => KeyPair {
  const { world, account, region } = call;
  const request = call.params as CreateRequest;
  requireName(call, request.KeyName);
  if (request.ProjectId !== 0)
    throw new ApiError('InvalidProjectId.NotFound', `The project \`${request.ProjectId}\` does not exist.`);
  const tags = specifiedTags(request.TagSpecification, 'keypair');
  const quota = keyPairQuota(world, region);
  if (world.keyPairs.countIn(account, region) >= quota)
    throw new ApiError('InvalidKeyPair.LimitExceeded', `The number of key pairs has reached the quota \`${quota}\`.`);
  const common = { account, region, createdAt: world.now(), hiddenUntil: world.hiddenUntil(call.lag()), tags };
  return (publicKey, id) => world.keyPairs.put({ ...common, id, name: request.KeyName, description: '', publicKey });
}

/** The private key is in this answer only; it is kept nowhere. */
const createKeyPair: Action = (call) => {
  const put = newKeyPair(call);
  const id = call.world.newId('skey');
  const { privateKey, publicKey } = newRsaKey(id);
  return { KeyPair: { ...wireKeyPair(call.world, put(publicKey, id)), PrivateKey: privateKey } };
};

const importKeyPair: Action = (call) => {
  const request = call.params as Required<CreateRequest>;
  const put = newKeyPair(call);
  const given = rsaKeyOf(request.PublicKey);
  if (given === undefined)
    throw new ApiError('InvalidPublicKey.Malformed', 'The public key is not an RSA key in the format of OpenSSH.');
  for (const key of call.world.keyPairs.in(call.account, call.region)) {
    if (rsaKeyOf(key.publicKey) === given)
      throw new ApiError('InvalidPublicKey.Duplicate', `The public key is that of the key pair \`${key.id}\`.`);
  }
  return { KeyId: put(request.PublicKey.trim(), call.world.newId('skey')).id };
};

const modifyKeyPairAttribute: Action = (call) => {
  const request = call.params as { KeyId: string; KeyName?: string; Description?: string };
  const key = requireKeyPair(call, request.KeyId);
  const name = request.KeyName ?? '';
  // The action lists fewer codes than CreateKeyPair.
  if (name !== '' && (characters(name) > 25 || !/^[A-Za-z0-9_]+$/.test(name)))
    throw new ApiError('InvalidParameterValue', 'A key pair name has up to 25 letters, digits and underscores.');
  if (name !== '') requireFreeKeyName(call, name, key.id);
  if (characters(request.Description ?? '') > 60)
    throw new ApiError('InvalidParameterValue', 'The description exceeds 60 characters.');
  call.world.keyPairs.update(key.id, {
    name: name === '' ? key.name : name,
    description: request.Description ?? key.description,
  });
  return {};
};

/** Key pairs that an instance has, or that an image brings, stay. All of them or none. */
const deleteKeyPairs: Action = (call) => {
  const { world, account, region } = call;
  const keys = requireKeyPairs(call, (call.params as { KeyIds: readonly string[] }).KeyIds);
  for (const { id } of keys) {
    const holders = [...world.instances.in(account, region), ...world.images.in(account, region)];
    const holder = holders.find((candidate) => candidate.keyIds.includes(id));
    if (holder !== undefined) {
      throw new ApiError(
        'InvalidParameterValue.KeyPairNotSupported',
        `The key pair \`${id}\` is in use by \`${holder.id}\`.`,
      );
    }
  }
  for (const { id } of keys) world.keyPairs.delete(id);
  return {};
};

interface DescribeRequest {
  readonly KeyIds?: readonly string[];
  readonly Filters?: readonly Filter[];
  readonly Offset?: number;
  readonly Limit?: number;
}

const filterKeys: FilterKeys<KeyPair> = {
  ...tagKeys,
  'project-id': (_, value) => value === '0',
  'key-name': (key, value) => key.name === value,
};

const describeKeyPairs: Action = (call) => {
  const { world, account, region } = call;
  const request = call.params as DescribeRequest;
  const ids = request.KeyIds ?? [];
  if (ids.length > 0 && (request.Filters ?? []).length > 0)
    throw new ApiError('InvalidParameter', '`KeyIds` and `Filters` cannot be used together.');
  const malformed = ids.find((id) => !/^skey-[0-9a-z]{8}$/.test(id));
  if (malformed !== undefined)
    throw new ApiError('InvalidKeyPairId.Malformed', `The key pair ID \`${malformed}\` is malformed.`);
  const matches = matcher(request.Filters ?? [], filterKeys, { values: 5, code: 'InvalidFilterValue.LimitExceeded' });
  const rows = world.keyPairs.shown(account, region, ids, world.now()).filter(matches);
  const shown = page(rows, request, 'InvalidParameterValueLimit');
  return { TotalCount: rows.length, KeyPairSet: shown.map((key) => wireKeyPair(world, key)) };
};

function wireKeyPair(world: World, key: KeyPair): object {
  const instances = [...world.instances.in(key.account, key.region)];
  return {
    KeyId: key.id,
    KeyName: key.name,
    ProjectId: 0,
    Description: key.description,
    PublicKey: key.publicKey,
    AssociatedInstanceIds: instances.filter(({ keyIds }) => keyIds.includes(key.id)).map(({ id }) => id),
    CreatedTime: isoTime(key.createdAt),
    Tags: tagList(key.tags),
  };
}

/** What the simulator serves of key pairs themselves. */
export const keyPairActions: Readonly<Record<string, Action>> = {
  CreateKeyPair: createKeyPair,
  ImportKeyPair: importKeyPair,
  ModifyKeyPairAttribute: modifyKeyPairAttribute,
  DeleteKeyPairs: deleteKeyPairs,
  DescribeKeyPairs: describeKeyPairs,
};
