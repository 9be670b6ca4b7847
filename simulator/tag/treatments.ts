import { type Treatments } from '../wire/treatment';

/** Parameters of the actions here that are not honoured. */
export const tagTreatments: Treatments = {
  DescribeResourceTagsByResourceIds: { ignored: ['Category'] },
  ModifyResourceTags: { ignored: ['ReplaceTags.Category'] },
  TagResources: { ignored: ['Tags.Category'] },
};
