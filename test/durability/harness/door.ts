import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A place where one call stands until it is let go. */
export interface Threshold {
  /** What a `hook` posts to when the call is there. */
  url: string;
  /** Settles when a call stands there; with false when it is opened before. */
  met: Promise<boolean>;
  /** Lets the call go on, also one that is yet to come. */
  open: () => void;
}

/** Where calls that scenarios hold stand. They are heard at once: whoever waits for the answer does so for a second. */
export interface Door {
  threshold(): Threshold;
  close(): Promise<void>;
}

export async function openDoor(): Promise<Door> {
  const thresholds = new Map<string, (response: ServerResponse) => void>();
  const server = createServer((request, response) => {
    request.resume();
    const arrive = thresholds.get(request.url!);
    // Where it is open, a call goes on at once.
    if (arrive) arrive(response);
    else response.writeHead(204).end();
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  let count = 0;
  return {
    threshold: () => {
      const path = `/${(count += 1)}`;
      const standing: ServerResponse[] = [];
      let settle!: (isMet: boolean) => void;
      const met = new Promise<boolean>((resolve) => (settle = resolve));
      thresholds.set(path, (response) => {
        standing.push(response);
        settle(true);
      });
      return {
        url: `http://127.0.0.1:${port}${path}`,
        met,
        open: () => {
          thresholds.delete(path);
          settle(false);
          for (const response of standing.splice(0)) response.writeHead(204).end();
        },
      };
    },
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
