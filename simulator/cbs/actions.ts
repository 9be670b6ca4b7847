import { type Reaction } from '../state/world';
import { type Action } from '../wire/action';
import { diskActions, diskReactions } from './disk-actions';
import { snapshotActions } from './snapshot-actions';
import { snapshotReactions } from './snapshots';

/** What the simulator serves of CBS. */
export const cbsActions: Readonly<Record<string, Action>> = { ...diskActions, ...snapshotActions };

/** What happens by itself in CBS. */
export const cbsReactions: Readonly<Record<string, Reaction>> = { ...diskReactions, ...snapshotReactions };
