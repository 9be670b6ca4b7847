import { type Tags } from '../state/records';
import { ApiError } from '../wire/errors';
import { tagsFrom } from '../wire/formats';

/** Tags as CVM's create calls take them. */
export interface TagSpecification {
  readonly ResourceType: string;
  readonly Tags: readonly { readonly Key: string; readonly Value: string }[];
}

/** The tags of a create call, all for the type of resource that it makes. */
export function specifiedTags(specifications: readonly TagSpecification[] | undefined, type: string): Tags {
  const list = (specifications ?? []).flatMap((specification) => {
    if (specification.ResourceType !== type) {
      throw new ApiError('InvalidParameterValue', `The \`ResourceType\` of \`TagSpecification\` must be \`${type}\`.`);
    }
    return specification.Tags;
  });
  const tags = tagsFrom(list);
  if (Object.keys(tags).length !== list.length) throw new ApiError('InvalidParameterValue', 'A tag key occurs twice.');
  return tags;
}
