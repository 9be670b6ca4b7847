import { createHash } from 'node:crypto';
import { type Tags } from '../state/records';
import { type Action, type Call } from '../wire/action';
import { ApiError } from '../wire/errors';
import { characters } from '../wire/formats';
import { parseName, setTags, taggedResources, tagsOf } from './resources';

interface TagPair {
  readonly TagKey: string;
  readonly TagValue: string;
}

const keyLimit = 127;
const valueLimit = 255;
const resourcesPerRequest = 50;
const tagsPerRequest = 10;

/** The codes of an action for too many keys, and for one that occurs twice. */
interface KeyCodes {
  readonly tooMany: string;
  readonly twice: string;
}

const usualKeyCodes: KeyCodes = {
  tooMany: 'LimitExceeded.TagNumPerRequest',
  twice: 'InvalidParameterValue.TagKeyDuplicate',
};

function checkKeys(keys: readonly string[], codes: KeyCodes): void {
  if (keys.length > tagsPerRequest) throw new ApiError(codes.tooMany, `At most ${tagsPerRequest} tags in one request.`);
  if (new Set(keys).size !== keys.length) throw new ApiError(codes.twice, 'A tag key occurs twice.');
  for (const key of keys) {
    if (key === '') throw new ApiError('InvalidParameterValue.TagKeyEmpty', 'A tag key is empty.');
    if (characters(key) > keyLimit)
      throw new ApiError('InvalidParameterValue.TagKeyLengthExceeded', `The tag key \`${key}\` is too long.`);
    if (/^(?:qcs|project):/.test(key))
      throw new ApiError('InvalidParameter.ReservedTagKey', `The tag key \`${key}\` is reserved.`);
  }
}

function checkPairs(pairs: readonly TagPair[], codes: KeyCodes): Tags {
  checkKeys(
    pairs.map((pair) => pair.TagKey),
    codes,
  );
  const long = pairs.find((pair) => characters(pair.TagValue) > valueLimit);
  if (long !== undefined)
    throw new ApiError('InvalidParameterValue.TagValueLengthExceeded', `The value of \`${long.TagKey}\` is too long.`);
  return Object.fromEntries(pairs.map((pair) => [pair.TagKey, pair.TagValue]));
}

function pairsOf(tags: Tags): { TagKey: string; TagValue: string }[] {
  return Object.entries(tags).map(([TagKey, TagValue]) => ({ TagKey, TagValue }));
}

/** Changes each resource that exists; those that do not are listed as failed, the call succeeds. */
function change(call: Call, names: readonly string[], next: (tags: Tags) => Tags): object {
  const { world, account } = call;
  if (names.length > resourcesPerRequest) {
    throw new ApiError(
      'LimitExceeded.ResourceNumPerRequest',
      `At most ${resourcesPerRequest} resources in one request.`,
    );
  }
  for (const name of names) parseName(account, name);
  const FailedResources = names.flatMap((name) => {
    const tags = tagsOf(world, account, name);
    if (tags === undefined)
      return [{ Resource: name, Code: 'ResourceNotFound', Message: 'The resource does not exist.' }];
    setTags(world, account, name, next(tags));
    return [];
  });
  return { FailedResources };
}

const tagResources: Action = (call) => {
  const request = call.params as { ResourceList: readonly string[]; Tags: readonly TagPair[] };
  const added = checkPairs(request.Tags, usualKeyCodes);
  return change(call, request.ResourceList, (tags) => ({ ...tags, ...added }));
};

const unTagResources: Action = (call) => {
  const request = call.params as { ResourceList: readonly string[]; TagKeys: readonly string[] };
  checkKeys(request.TagKeys, usualKeyCodes);
  return change(call, request.ResourceList, (tags) =>
    Object.fromEntries(Object.entries(tags).filter(([key]) => !request.TagKeys.includes(key))),
  );
};

const modifyResourceTags: Action = (call) => {
  const request = call.params as {
    Resource: string;
    ReplaceTags?: readonly TagPair[];
    DeleteTags?: readonly { TagKey: string }[];
  };
  // The action lists other codes for these two than its sisters.
  const codes = { tooMany: 'LimitExceeded.ResourceAttachedTags', twice: 'InvalidParameter.Tag' };
  const added = checkPairs(request.ReplaceTags ?? [], codes);
  const deleted = new Set((request.DeleteTags ?? []).map((tag) => tag.TagKey));
  if (Object.keys(added).some((key) => deleted.has(key))) {
    throw new ApiError('InvalidParameterValue.DeleteTagsParamError', 'A tag key is both replaced and deleted.');
  }
  const tags = tagsOf(call.world, call.account, request.Resource);
  if (tags === undefined) throw new ApiError('FailedOperation', `The resource \`${request.Resource}\` does not exist.`);
  const kept = Object.fromEntries(Object.entries(tags).filter(([key]) => !deleted.has(key)));
  setTags(call.world, call.account, request.Resource, { ...kept, ...added });
  return {};
};

interface GetResourcesRequest {
  readonly ResourceList?: readonly string[];
  readonly TagFilters?: readonly { readonly TagKey: string; readonly TagValue?: readonly string[] }[];
  readonly PaginationToken?: string;
  readonly MaxResults?: number;
}

/** Tagged resources of all regions, by name or by tags, a page at a time. */
const getResources: Action = (call) => {
  const { world, account } = call;
  const request = call.params as GetResourcesRequest;
  const names = request.ResourceList ?? [];
  const filters = request.TagFilters ?? [];
  if (names.length > 0 && filters.length > 0) {
    throw new ApiError('InvalidParameter', '`ResourceList` and `TagFilters` cannot be used together.');
  }
  const ids = new Set(names.map((name) => parseName(account, name).id));
  const token = request.PaginationToken ?? '';
  const offset = token === '' ? 0 : Number(Buffer.from(token, 'base64url').toString());
  if (!Number.isInteger(offset))
    throw new ApiError('InvalidParameter.PaginationTokenInvalid', 'The `PaginationToken` is not valid.');
  const size = request.MaxResults ?? 50;
  if (size < 1 || size > 200) throw new ApiError('InvalidParameter', '`MaxResults` must be between 1 and 200.');
  const found = [...taggedResources(world, account)].filter(
    (resource) =>
      (ids.size === 0 || ids.has(resource.id)) &&
      filters.every((filter) => {
        const value = resource.tags[filter.TagKey];
        const allowed = filter.TagValue ?? [];
        return value !== undefined && (allowed.length === 0 || allowed.includes(value));
      }),
  );
  const end = offset + size;
  return {
    PaginationToken: end < found.length ? Buffer.from(String(end)).toString('base64url') : '',
    ResourceTagMappingList: found
      .slice(offset, end)
      .map((resource) => ({ Resource: resource.name, Tags: pairsOf(resource.tags) })),
  };
};

interface ByIdsRequest {
  readonly ServiceType: string;
  readonly ResourcePrefix: string;
  readonly ResourceIds: readonly string[];
  readonly ResourceRegion: string;
  readonly Offset?: number;
  readonly Limit?: number;
}

const describeResourceTagsByResourceIds: Action = (call) => {
  const request = call.params as ByIdsRequest;
  const md5 = (text: string): string => createHash('md5').update(text).digest('hex');
  const rows = request.ResourceIds.flatMap((id) => {
    const name = `qcs::${request.ServiceType}:${request.ResourceRegion}:uin/${call.account}:${request.ResourcePrefix}/${id}`;
    let tags: Tags | undefined;
    try {
      tags = tagsOf(call.world, call.account, name);
    } catch {
      throw new ApiError('InvalidParameterValue.ResourceIdInvalid', `The resource \`${name}\` is not valid.`);
    }
    return pairsOf(tags ?? {}).map((pair) => ({
      ...pair,
      ResourceId: id,
      TagKeyMd5: md5(pair.TagKey),
      TagValueMd5: md5(pair.TagValue),
      ServiceType: request.ServiceType,
      Category: 'All',
    }));
  });
  const { Offset = 0, Limit = 15 } = request;
  return { TotalCount: rows.length, Offset, Limit, Tags: rows.slice(Offset, Offset + Limit) };
};

/** What the simulator serves of TAG. */
export const tagActions: Readonly<Record<string, Action>> = {
  TagResources: tagResources,
  UnTagResources: unTagResources,
  GetResources: getResources,
  ModifyResourceTags: modifyResourceTags,
  DescribeResourceTagsByResourceIds: describeResourceTagsByResourceIds,
};
