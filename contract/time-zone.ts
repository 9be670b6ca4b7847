import { once } from './once';
import { z } from './zod';

/** A time zone by its IANA name. */
export const timeZoneSchema = once(() =>
  z.string().refine(isTimeZone, { error: 'expected a time zone such as Asia/Shanghai' }),
);

function isTimeZone(zone: string): boolean {
  try {
    new Intl.DateTimeFormat('en-US', { timeZone: zone }).format();
    return true;
  } catch {
    return false;
  }
}
