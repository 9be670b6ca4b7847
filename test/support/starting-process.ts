/**
 * A client as a process of its own: `node starting-process.js ADDRESS NAMESPACE`. Says `ready`, then starts a build for
 * every line of standard input, which is a spec in JSON, and says in a line of JSON what came of it.
 */
import { createInterface } from 'node:readline';
import { type BuildSpecInput, connect, ConflictError, startBuild } from '../../client';

export interface Started {
  runId: string;
  joined?: boolean;
  /** The message, when it was refused. */
  refused?: string;
}

async function main([address, namespace]: string[]): Promise<void> {
  const { client, close } = await connect({ address: address!, namespace: namespace! });
  console.log('ready');
  for await (const line of createInterface(process.stdin)) {
    console.log(JSON.stringify(await start(JSON.parse(line) as BuildSpecInput)));
  }
  await close();

  async function start(spec: BuildSpecInput): Promise<Started> {
    try {
      const { runId, joined } = await startBuild(client, spec, { taskQueue: 'nobody' });
      return { runId, joined };
    } catch (error) {
      if (!(error instanceof ConflictError)) throw error;
      return { runId: error.running.runId, refused: error.message };
    }
  }
}

void main(process.argv.slice(2));
