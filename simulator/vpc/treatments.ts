import { type Treatments } from '../wire/treatment';

/** Parameters of the actions here that are not honoured. */
export const vpcTreatments: Treatments = {
  DescribeSecurityGroups: { ignored: ['OrderDirection', 'OrderField'] },
  // Pages by offset only: a client that asks for pages by token must not take the first for everything.
  DescribeSubnets: { refused: ['MaxResults', 'NextToken'] },
};
