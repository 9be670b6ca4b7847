import { type Cloud } from './cloud';
import { CloudError, kindOf } from './errors';

/** Kinds of resources as the TAG service names them. A disk is a "volume" there [as other clients send it]. */
export type TaggedType = 'instance' | 'image' | 'snapshot' | 'volume';

/** The most resources that one TagResources call takes. */
export const batchSize = 10;

/** The tag value of a resource. */
export const tagValue = (tags: { Key?: string; Value?: string }[] | undefined, key: string): string | undefined =>
  tags?.find((tag) => tag.Key === key)?.Value;

/** Six-segment name of a resource, which the TAG service wants. */
async function resourceName(cloud: Cloud, type: TaggedType, id: string): Promise<string> {
  return `qcs::cvm:${cloud.region}:uin/${await cloud.accountId()}:${type}/${id}`;
}

/**
 * Sets tags (TAG TagResources); an existing key gets the new value, so it may be done twice.
 *
 * @throws {CloudError} also when only some of the resources could be tagged
 */
export async function setTags(
  cloud: Cloud,
  resources: { type: TaggedType; id: string }[],
  tags: Record<string, string>,
): Promise<void> {
  const names = await Promise.all(resources.map(({ type, id }) => resourceName(cloud, type, id)));
  for (let start = 0; start < names.length; start += batchSize) {
    const { FailedResources = [], RequestId } = await cloud.call('tag', 'TagResources', {
      ResourceList: names.slice(start, start + batchSize),
      Tags: Object.entries(tags).map(([TagKey, TagValue]) => ({ TagKey, TagValue })),
    });
    throwFailed('TagResources', FailedResources, RequestId);
  }
}

/** Removes a tag from a resource (TAG UnTagResources); one that is not there is no error. */
export async function removeTag(cloud: Cloud, type: TaggedType, id: string, key: string): Promise<void> {
  const { FailedResources = [], RequestId } = await cloud.call('tag', 'UnTagResources', {
    ResourceList: [await resourceName(cloud, type, id)],
    TagKeys: [key],
  });
  throwFailed('UnTagResources', FailedResources, RequestId);
}

function throwFailed(
  action: string,
  failed: { Resource?: string; Code?: string; Message?: string }[],
  requestId?: string,
) {
  const [first] = failed;
  if (!first) return;
  const code = first.Code ?? 'FailedOperation';
  throw new CloudError(kindOf(code), action, code, `${first.Resource ?? ''}: ${first.Message ?? ''}`, requestId);
}
