import { type Treatments } from '../wire/treatment';

/** Parameters of the actions here that are not honoured. */
export const stsTreatments: Treatments = {
  // There is no access management: a policy is checked for its form.
  AssumeRole: { checked: ['Policy'], ignored: ['ExternalId', 'SerialNumber', 'SourceIdentity', 'Tags', 'TokenCode'] },
  GetFederationToken: { checked: ['Policy'] },
};
