import { cbsTreatments } from './cbs/treatments';
import { cvmTreatments } from './cvm/treatments';
import { stsTreatments } from './sts/treatments';
import { tagTreatments } from './tag/treatments';
import { vpcTreatments } from './vpc/treatments';
import { type Treatments } from './wire/treatment';

/** What becomes of the parameters of all actions. */
export const treatments: Treatments = {
  ...cvmTreatments,
  ...cbsTreatments,
  ...vpcTreatments,
  ...stsTreatments,
  ...tagTreatments,
};
