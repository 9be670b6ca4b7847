import type { FamilyPlace } from '../../contract';
import { activitiesOf } from '../build-activities';

/**
 * How long what is asked of the cloud may take, in seconds, before the update that asked for it fails. `delete`: the whole deletion
 * of one image, since a rollback waits for it; what takes longer is tried again. `share`: that one which stays is shared again.
 */
export const familyDeadlines = {
  look: 600,
  change: 1800,
  delete: 240,
  share: 60,
  snapshots: 600,
  copy: 6 * 3600,
  giveBack: 3600,
};

/** How often, and after how many seconds each, it is tried again what could not be seen to at once. */
export const tryAgain = { times: 48, pause: 3600 };

/** The activities at a place, under its heartbeat timeout and a deadline in seconds. */
export const activitiesAt = ({ heartbeat }: FamilyPlace, about: { summary: string; deadline: number }) =>
  activitiesOf({ deadlines: { heartbeat } }, about);
