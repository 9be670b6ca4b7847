import assert from 'node:assert/strict';
import { createServer, type IncomingMessage } from 'node:http';

/** Key that the deliveries of tests are signed with. */
export const webhookKey = `whsec_${Buffer.from('a key for the webhook of the tests').toString('base64')}`;

/** A webhook that answers 500 to the first delivery of each event, and takes the second. */
export async function startWebhook() {
  const deliveries: { headers: IncomingMessage['headers']; body: string }[] = [];
  const seen = new Set<unknown>();
  const server = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (text: string) => (body += text));
    request.on('end', () => {
      deliveries.push({ headers: request.headers, body });
      const id = request.headers['webhook-id'];
      response.writeHead(seen.has(id) ? 204 : 500).end();
      seen.add(id);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  assert.ok(typeof address === 'object' && address !== null);
  return {
    url: `http://127.0.0.1:${address.port}/hooks/secret-part`,
    deliveries,
    stop: () => new Promise((resolve) => server.close(resolve)),
  };
}
