import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { type Duplex } from 'node:stream';
import { controlAnswer, controlPrefix } from './control/api';
import { whyForeign } from './control/local';
import { page } from './control/page';
import { type World } from './state/world';
import { type Dispatcher } from './wire/dispatch';
import { maximalBody, type RawRequest } from './wire/request';

/** The HTTP server: the API on every path, the control API under `/_simulator`. */
export function createHttpServer(world: () => World, dispatcher: () => Dispatcher, reset: () => void): Server {
  // Node's own limit of the headers is smaller than the API's of a query string.
  const server = createServer({ maxHeaderSize: 2 * maximalBody.query }, (request, response) => {
    respond(request, response, world(), dispatcher(), reset).catch((error: unknown) => {
      // A client that went away while it was sending is no mistake of ours.
      if (request.complete)
        process.stderr.write(`simulator: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
      response.destroy();
    });
  });
  // Longer than what clients keep idle connections for, so that none sends on one that is being closed.
  server.keepAliveTimeout = 75_000;
  server.on('connect', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    tunnel(server, request, socket, head);
  });
  return server;
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
    const foreign = whyForeign(raw);
    const { status, body } =
      foreign === undefined ? controlAnswer(world, raw, reset) : { status: 403, body: { error: foreign } };
    send(response, status, JSON.stringify(body));
    return;
  }
  if (isPerson(raw)) {
    send(response, 200, page, 'text/html; charset=utf-8');
    return;
  }
  const answer = await dispatcher.answer(raw);
  if (answer.kind === 'json') send(response, 200, answer.body);
  else if (answer.kind === 'http-502') response.writeHead(502, { 'Content-Length': 0 }).end();
  else response.destroy();
}

/** A browser, not a client: those sign what they ask. */
function isPerson({ method, path, query, headers }: RawRequest): boolean {
  const wantsPage = headers.accept?.includes('text/html') === true;
  return method === 'GET' && path === '/' && query === '' && headers.authorization === undefined && wantsPage;
}

/** Exactly `application/json`: some SDKs take an answer with a charset for a success. */
function send(response: ServerResponse, status: number, body: string, type = 'application/json'): void {
  response.writeHead(status, { 'Content-Type': type, 'Content-Length': Buffer.byteLength(body) }).end(body);
}

/** Reads a request. What is sent above the API's limit is let go by, so that it cannot fill the memory. */
async function readRaw(request: IncomingMessage): Promise<RawRequest> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size <= maximalBody.json + chunk.length) chunks.push(chunk);
  }
  // A client that goes through a proxy sends the whole URL.
  const [, authority = '', target = '/'] = /^(?:https?:\/\/([^/?]*))?(.*)$/.exec(request.url ?? '/') ?? [];
  const [path = '/', ...query] = target.split('?');
  return {
    method: request.method ?? 'GET',
    path: path === '' ? '/' : path,
    query: query.join('?'),
    authority,
    headers: request.headers,
    body: Buffer.concat(chunks),
  };
}

/**
 * A client that is told to use the simulator as its proxy may ask for a tunnel to the cloud's plain HTTP port: the tunnel
 * ends here. There is no certificate for the cloud's names, so a tunnel for HTTPS is refused.
 */
function tunnel(server: Server, request: IncomingMessage, socket: Duplex, head: Buffer): void {
  // The server does not look after the connection any more: without this, a client that goes away would end the process.
  socket.on('error', () => socket.destroy());
  if (request.url?.endsWith(':80') !== true) {
    const text = 'The simulator answers plain HTTP only: use http:// and port 80.\n';
    socket.end(`HTTP/1.1 501 Not Implemented\r\nContent-Length: ${text.length}\r\nConnection: close\r\n\r\n${text}`);
    return;
  }
  socket.write('HTTP/1.1 200 Connection Established\r\n\r\n');
  if (head.length > 0) socket.unshift(head);
  server.emit('connection', socket);
}
