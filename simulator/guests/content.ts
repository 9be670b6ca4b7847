import { isTorn } from '../cbs/snapshots';

/** Something that a guest serves over HTTP. */
export interface GuestService {
  readonly port: number;
  readonly status: number;
  readonly text: string;
}

/**
 * What a system disk with this content serves once it has booted: a service for each line `listen PORT [STATUS [TEXT]]`.
 * A torn disk does not come up at all, and a line whose port or status cannot be is none.
 */
export function servicesIn(content: string): GuestService[] {
  if (isTorn(content)) return [];
  return content.split('\n').flatMap((line) => {
    const match = /^listen (\d{1,5})(?: (\d{3})(?: (.*))?)?$/.exec(line.trim());
    if (match === null) return [];
    const [, port, status, text = ''] = match;
    const service = { port: Number(port), status: Number(status ?? 200), text };
    return isPort(service.port) && isFinal(service.status) ? [service] : [];
  });
}

function isPort(port: number): boolean {
  return port > 0 && port < 65_536;
}

/** A status that ends an answer: nothing can be served with another one. */
function isFinal(status: number): boolean {
  return status >= 200 && status < 600;
}
