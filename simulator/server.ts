import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { controlAnswer, controlPrefix } from './control/api';
import { type World } from './state/world';
import { type Dispatcher } from './wire/dispatch';
import { type RawRequest } from './wire/request';

/** The HTTP server: the API on every path, the control API under `/_simulator`. */
export function createHttpServer(world: () => World, dispatcher: () => Dispatcher, reset: () => void): Server {
  return createServer((request, response) => {
    respond(request, response, world(), dispatcher(), reset).catch((error: unknown) => {
      process.stderr.write(`simulator: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
      response.destroy();
    });
  });
}

async function respond(
  request: IncomingMessage,
  response: ServerResponse,
  world: World,
  dispatcher: Dispatcher,
  reset: () => void,
): Promise<void> {
  const raw = await readRaw(request);
  if (raw.path === controlPrefix || raw.path.startsWith(`${controlPrefix}/`)) {
    const { status, body } = controlAnswer(world, raw, reset);
    send(response, status, JSON.stringify(body));
    return;
  }
  const answer = await dispatcher.answer(raw);
  if (answer.kind === 'json') send(response, 200, answer.body);
  else if (answer.kind === 'http-502') response.writeHead(502, { 'Content-Length': 0 }).end();
  else response.destroy();
}

/** Exactly `application/json`: some SDKs take an answer with a charset for a success. */
function send(response: ServerResponse, status: number, body: string): void {
  response
    .writeHead(status, { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body) })
    .end(body);
}

async function readRaw(request: IncomingMessage): Promise<RawRequest> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  // A client that goes through a proxy sends the whole URL.
  const target = (request.url ?? '/').replace(/^https?:\/\/[^/]*/, '');
  const [path = '/', ...query] = target.split('?');
  return {
    method: request.method ?? 'GET',
    path: path === '' ? '/' : path,
    query: query.join('?'),
    headers: request.headers,
    body: Buffer.concat(chunks),
  };
}
