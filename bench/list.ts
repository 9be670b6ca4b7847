import { spawn } from 'node:child_process';
import path from 'node:path';
import { connect } from '../client';
import { startManyBuilds } from '../test/support/many-builds';
import { startTestTemporal } from '../test/support/temporal';
import type { Figure } from './table';

const builds = 1000;
const runs = 5;

/** How long `cvm-image list` takes for 1,000 open builds, from pressing Enter to the last line. */
export async function measureList(): Promise<Figure[]> {
  const temporal = await startTestTemporal();
  const { client, close } = await connect(temporal);
  try {
    await startManyBuilds(client, builds);
    const seconds: number[] = [];
    for (let run = 0; run < runs; run += 1) seconds.push(await secondsOfList(temporal));
    const median = seconds.sort((a, b) => a - b)[Math.floor(runs / 2)]!;
    return [
      {
        what: `cvm-image list of ${builds.toLocaleString('en')} builds`,
        value: `${median.toFixed(2)} s`,
        target: '≤ 1.5 s',
      },
    ];
  } finally {
    await close();
    await temporal.stop();
  }
}

async function secondsOfList({ address, namespace }: { address: string; namespace: string }): Promise<number> {
  const command = path.resolve(__dirname, '../client/main.js');
  const begun = performance.now();
  const child = spawn(process.execPath, [command, 'list', '--limit', String(builds)], {
    env: { ...process.env, TEMPORAL_ADDRESS: address, TEMPORAL_NAMESPACE: namespace },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let lines = 0;
  child.stdout.on('data', (chunk: Buffer) => (lines += chunk.toString().split('\n').length - 1));
  await new Promise((resolve, reject) => child.once('close', resolve).once('error', reject));
  if (lines !== builds + 1) throw new Error(`list printed ${lines} lines`);
  return (performance.now() - begun) / 1000;
}
