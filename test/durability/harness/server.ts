import { Client, Connection } from '@temporalio/client';
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { temporalCli } from '../../../dev/temporal-server/programs';
import { resolveProgram } from '../../../dev/temporal-server/resolve';
import { startTemporalServer, type TemporalServer } from '../../../dev/temporal-server/server';

/** A Temporal server with its client. */
export interface Server {
  temporal: TemporalServer;
  client: Client;
  /** SIGKILL; comes back when it is gone. */
  kill(): Promise<void>;
  /** On the same port, with its database. */
  startAgain(): Promise<void>;
  stop(): Promise<void>;
}

// Its processor is what scenarios wait for, and its memory is not: it collects garbage later than Go would have it.
process.env.GOGC ??= '400';

let found: Promise<string> | undefined;

/** Starts a Temporal server that can be killed and started again. */
export async function openServer(): Promise<Server> {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'cvm-image-durability-'));
  // Looked for once, not at each of the many starts.
  found ??= resolveProgram(temporalCli);
  const program = await found;
  const options = { program, dbFile: path.join(folder, 'temporal.db'), namespace: 'durability' };
  let temporal = await startTemporalServer(options);
  const port = Number(temporal.address.split(':')[1]);
  const connection = await Connection.connect({ address: temporal.address });
  const server: Server = {
    get temporal() {
      return temporal;
    },
    client: new Client({ connection, namespace: temporal.namespace }),
    kill: async () => {
      process.kill(temporal.child.identity.pid, 'SIGKILL');
      await temporal.child.ended;
    },
    startAgain: async () => {
      temporal = await startTemporalServer({ ...options, port });
    },
    stop: async () => {
      await connection.close();
      await temporal.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
  return server;
}
