import { z } from './zod';

const unitSeconds = { s: 1, m: 60, h: 3600, d: 86_400 } as const;

/** How a duration may be written: a number of seconds, or a whole number with its unit (`90s`, `45m`, `2h`, `7d`). */
export const durationPattern = /^(\d+)(s|m|h|d)$/;

const howToWrite = 'expected seconds, or a whole number with its unit: 90s, 45m, 2h, 7d';

/**
 * A duration in a spec. Input: a number of seconds or text such as `45m`; output: seconds.
 *
 * @param minimum the shortest duration allowed, in seconds
 */
export const duration = (minimum: number) =>
  z
    .union([z.number(), z.string().regex(durationPattern, { error: howToWrite })], { error: howToWrite })
    .transform((value) => (typeof value === 'number' ? value : parseDuration(value)))
    .refine((seconds) => seconds >= minimum, { error: `expected at least ${minimum} s` });

/** The heartbeat timeout of all activities of a workflow, in seconds. */
export const heartbeatTimeout = () =>
  duration(2).default(20).describe('How soon a dead worker is noticed: the heartbeat timeout of every activity.');

function parseDuration(text: string): number {
  const [, count, unit] = durationPattern.exec(text)!;
  return Number(count) * unitSeconds[unit as keyof typeof unitSeconds];
}

/** Seconds as people read them: `45 s`, `3 min 20 s`, `1 h 05 min`. */
export function formatSeconds(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${minutes} min ${String(whole % 60).padStart(2, '0')} s`;
  return `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, '0')} min`;
}
