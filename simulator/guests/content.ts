import { isTorn } from '../cbs/snapshots';

/** Something that a guest serves over HTTP. */
export interface GuestService {
  readonly port: number;
  readonly status: number;
  readonly text: string;
}

/**
 * What a system disk with this content serves once it has booted: a service for each line `listen PORT [STATUS [TEXT]]`.
 * A torn disk does not come up at all.
 */
export function servicesIn(content: string): GuestService[] {
  if (isTorn(content)) return [];
  return content.split('\n').flatMap((line) => {
    const match = /^listen (\d{1,5})(?: (\d{3})(?: (.*))?)?$/.exec(line.trim());
    if (match === null) return [];
    const [, port, status = '200', text = ''] = match;
    return Number(port) > 0 && Number(port) < 65_536 ? [{ port: Number(port), status: Number(status), text }] : [];
  });
}
