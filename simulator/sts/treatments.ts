import { type Treatments } from '../wire/treatment';

/** Parameters of the actions here that are not honoured. */
export const stsTreatments: Treatments = {
  AssumeRole: { ignored: ['ExternalId', 'SerialNumber', 'SourceIdentity', 'Tags', 'TokenCode'] },
};
