import { type Reaction } from '../state/world';
import { type Action } from '../wire/action';
import { diskActions, diskReactions } from './disk-actions';
import { changeDiskActions, changeDiskReactions } from './change-disk';
import { groupActions } from './snapshot-groups';
import { snapshotActions } from './snapshot-actions';
import { sharingActions } from './snapshot-sharing';
import { snapshotReactions } from './snapshots';

/** What the simulator serves of CBS. */
export const cbsActions: Readonly<Record<string, Action>> = {
  ...diskActions,
  ...changeDiskActions,
  ...snapshotActions,
  ...groupActions,
  ...sharingActions,
};

/** What happens by itself in CBS. */
export const cbsReactions: Readonly<Record<string, Reaction>> = {
  ...diskReactions,
  ...changeDiskReactions,
  ...snapshotReactions,
};
