import type { ActivitySettings } from '../../../activities';
import { settleDefault } from '../../../worker/config';

/**
 * How real time is scaled. The cloud runs 600 times as fast; builds look, back off and settle 100 times as fast as they ship, which
 * is more often than they would, in relation. Published request rates are scaled like the looks, so that throttling is real.
 */
export const speed = 600;
export const scale = 100;

/** Simulated seconds: long enough to be waited for. */
export const durations = { stop: 60, start: 60, snapshot: 180, image: 360, launch: 60, terminate: 30 };

/**
 * The settings that ship, divided by the scale. Looks are rarer, for they are most of what a scenario costs. A request may
 * take longer, for this machine is as slow as ever, and the settle window is longer than that, as every worker's must be.
 */
export const settings: Partial<ActivitySettings> = {
  installation: 'durability',
  waits: { percentMinSeconds: 0.1, percentMaxSeconds: 0.3, minSeconds: 0.1, maxSeconds: 0.3, growth: 0.05 },
  settleSeconds: 1.6,
  backoff: { minSeconds: 0.05, maxSeconds: 0.5, blockedSeconds: 0.3 },
  budgetShare: 0.5 * scale,
  requestTimeoutSeconds: 1,
};

/** Milliseconds here of so many seconds for which describes lag: what counts is how long that is against the settle window. */
export const lagOf = (seconds: number): number =>
  Math.round((seconds / settleDefault) * settings.settleSeconds! * 1000);

/**
 * How long settling takes, and describes lag, when a worker counts as dead after so many seconds: in the proportions that ship, where that
 * takes 20 s.
 */
export const scaledTo = (deadAfter: number) => ({
  settleSeconds: (deadAfter / heartbeatDefault) * settleDefault,
  lagSeconds: (deadAfter / heartbeatDefault) * 30,
});
/** As specs have it: `deadlines.heartbeat`. */
const heartbeatDefault = 20;

/** Seconds without a heartbeat after which a worker counts as dead. Not scaled as much as the rest: processes are as slow as ever. */
export const heartbeat = 3;

/**
 * Seconds for which the last activity of a terminated build may still make a call: it may do so while its lease lasts, a quarter
 * of the heartbeat timeout, and nobody tells it before. What that call does shows within the settle window, as always.
 */
export const lease = heartbeat / 4;
