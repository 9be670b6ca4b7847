import { isIP } from 'node:net';
import { type RawRequest } from '../wire/request';

/**
 * Why a request is not one from this machine's own programs and from the page, or undefined when it may pass. A web page of
 * somebody else that is open in a browser here can send requests too: it names its own site as their Origin, or (when its name
 * leads to a loopback address) as their Host.
 */
export function whyForeign({ headers, authority }: RawRequest): string | undefined {
  for (const host of [headers.host ?? '', ...(authority === '' ? [] : [authority])])
    if (!isLoopbackHost(host))
      return `the control API answers at a loopback address or localhost only, not at "${host}"`;
  const { origin } = headers;
  if (origin !== undefined && origin.toLowerCase() !== `http://${bare(headers.host ?? '')}`)
    return `the control API answers no pages of others: this one is from "${origin}"`;
  return undefined;
}

/** Whether a host is a loopback address: 127.0.0.0/8, ::1 or localhost. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
}

/** The same of what a Host header holds. */
function isLoopbackHost(header: string): boolean {
  return isLoopback(
    bare(header)
      .replace(/:\d+$/, '')
      .replace(/^\[(.*)\]$/, '$1'),
  );
}

/** Some clients put the scheme of the endpoint into their Host. */
function bare(header: string): string {
  return header
    .toLowerCase()
    .replace(/^http:\/\//, '')
    .replace(/\/+$/, '');
}
