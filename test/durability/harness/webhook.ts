import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A webhook that writes down what it hears. */
export interface Webhook {
  url: string;
  heard: { id: string; type: string }[];
  close(): Promise<void>;
}

export async function openWebhook(): Promise<Webhook> {
  const heard: Webhook['heard'] = [];
  const server = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (text: string) => (body += text));
    request.on('end', () => {
      heard.push({ id: String(request.headers['webhook-id']), type: (JSON.parse(body) as { type: string }).type });
      response.writeHead(204).end();
    });
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    heard,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
