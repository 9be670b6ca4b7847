import { Client, Connection } from '@temporalio/client';
import { mkdtempSync, rmSync, statfsSync } from 'node:fs';
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

// Its processor is what scenarios wait for, and its memory is not: it collects garbage when there is a good deal of it.
process.env.GOGC ??= 'off';
process.env.GOMEMLIMIT ??= '1GiB';

/** More than the databases of a whole matrix take. */
const roomForDatabases = 4 * 1024 ** 3;

/**
 * Where databases are kept: in memory, if the machine has a folder for that. What a process that is killed has written there is found by
 * the next one, as on a disk, and no transaction waits for one.
 */
function folderForDatabases(): string {
  const memory = '/dev/shm';
  try {
    const { bavail, bsize } = statfsSync(memory);
    if (bavail * bsize > roomForDatabases) return memory;
  } catch {
    // There is none.
  }
  return os.tmpdir();
}

const folders = new Set<string>();
// Also when somebody has had enough.
process.once('exit', () => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

let found: Promise<string> | undefined;

/** Starts a Temporal server that can be killed and started again. */
export async function openServer(): Promise<Server> {
  const folder = mkdtempSync(path.join(folderForDatabases(), 'cvm-image-durability-'));
  folders.add(folder);
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
      folders.delete(folder);
    },
  };
  return server;
}
