import { cbsActions } from './cbs/actions';
import { cvmActions } from './cvm/actions';
import { stsActions } from './sts/actions';
import { tagActions } from './tag/actions';
import { vpcActions } from './vpc/actions';
import { type Action } from './wire/action';

/** Everything that the simulator serves. */
export const actions: Readonly<Record<string, Action>> = {
  ...cvmActions,
  ...cbsActions,
  ...vpcActions,
  ...stsActions,
  ...tagActions,
};
