import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { tc3Signature } from '../simulator/wire/signature';
import { type Figure, table } from './table';

/**
 * `node dist/bench/simulator.js`: what the simulator holds. An account with 1,000 instances, 10,000 snapshots and 2,000 images:
 * how long it takes to start with them, how long describes take, how many signed requests a second it answers, and how
 * large its files become. The simulator is a process of its own; all of it shares the machine with this one.
 */
const size = { instances: 1000, snapshots: 10_000, images: 2000 };
const region = 'ap-guangzhou';
const program = join(__dirname, '../simulator/main.js');

interface Running {
  readonly port: number;
  readonly startMs: number;
  stop(): Promise<void>;
}

async function start(data: string): Promise<Running> {
  const begun = performance.now();
  const child = spawn(process.execPath, [program, '--port', '0', '--rate-scale', '0', '--data', data], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  const port = Number(/:(\d+) \(speed/.exec(line.toString())?.[1]);
  const startMs = performance.now() - begun;
  return {
    port,
    startMs,
    stop: async () => {
      child.kill('SIGTERM');
      await once(child, 'exit');
    },
  };
}

const agent = new Agent({ keepAlive: true, maxSockets: 16 });

function send(port: number, path: string, body: string, headers: Record<string, string>): Promise<string> {
  return new Promise((resolve, reject) => {
    const outgoing = request({ host: '127.0.0.1', port, method: 'POST', path, agent, headers }, (incoming) => {
      const chunks: Buffer[] = [];
      incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
      incoming.on('error', reject);
      incoming.on('end', () => resolve(Buffer.concat(chunks).toString()));
    });
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

/** A call signed as the SDKs sign theirs; throws when it is refused. */
async function call(port: number, service: 'cvm' | 'cbs', action: string, params: object): Promise<void> {
  const body = JSON.stringify(params);
  const timestamp = Math.floor(Date.now() / 1000);
  const date = new Date(timestamp * 1000).toISOString().slice(0, 10);
  const host = `127.0.0.1:${port}`;
  const headers = { 'content-type': 'application/json', host };
  const signed = {
    ...{ method: 'POST', uri: '/', query: '', headers, signedHeaders: ['content-type', 'host'] },
    ...{ body: Buffer.from(body), unsignedPayload: false, timestamp, date, service },
  };
  const signature = tc3Signature(signed, 'simulator');
  const answer = await send(port, '/', body, {
    'Content-Type': 'application/json',
    Authorization: `TC3-HMAC-SHA256 Credential=AKIDsimulator/${date}/${service}/tc3_request, SignedHeaders=content-type;host, Signature=${signature}`,
    'X-TC-Action': action,
    'X-TC-Version': '2017-03-12',
    'X-TC-Timestamp': String(timestamp),
    'X-TC-Region': region,
  });
  const error = /"Error":\{"Code":"([^"]+)"/.exec(answer.slice(0, 200));
  if (error !== null) throw new Error(`${action}: ${error[1]!}`);
}

async function fill(port: number): Promise<void> {
  const seed = (body: object): Promise<string> => send(port, '/_simulator/seed', JSON.stringify(body), {});
  const quotas = { imageQuota: { [region]: 10_000 }, snapshotQuota: { [region]: 100_000 } };
  await seed({ ...quotas, instanceQuota: { [region]: 5000 } });
  for (let from = 0; from < size.instances; from += 100)
    await seed({ instances: Array.from({ length: 100 }, () => ({ region, dataDisks: 1 })) });
  // An image has the snapshot of its system disk, and these four of data disks.
  for (let from = 0; from < size.images; from += 100) {
    const images = Array.from({ length: 100 }, (_, index) => ({
      ...{ region, name: `image ${from + index}`, dataDisks: [10, 10, 10, 10] },
      id: `img-${String(from + index).padStart(8, '0')}`,
    }));
    await seed({ images });
  }
}

/** Milliseconds that half, and 99 in 100, of these calls stay under. */
async function timed(count: number, one: () => Promise<void>): Promise<{ half: number; most: number }> {
  const times: number[] = [];
  for (let index = 0; index < count; index++) {
    const begun = performance.now();
    await one();
    times.push(performance.now() - begun);
  }
  times.sort((a, b) => a - b);
  return { half: times[Math.floor(count / 2)]!, most: times[Math.floor(count * 0.99)]! };
}

const describes: readonly (readonly ['cvm' | 'cbs', string, string, object])[] = [
  ['cvm', 'DescribeInstances', 'a page of 100', { Limit: 100 }],
  ['cvm', 'DescribeInstances', 'by state', { Filters: [{ Name: 'instance-state', Values: ['RUNNING'] }] }],
  ['cvm', 'DescribeImages', 'a page of 100', { Limit: 100 }],
  ['cvm', 'DescribeImages', 'by name', { Filters: [{ Name: 'image-name', Values: ['image 1999'] }] }],
  ['cvm', 'DescribeImages', 'by ID', { ImageIds: ['img-00001000'] }],
  ['cbs', 'DescribeSnapshots', 'a page of 100', { Limit: 100 }],
  ['cbs', 'DescribeSnapshots', 'by name', { Filters: [{ Name: 'snapshot-name', Values: ['image 7_1'] }] }],
  ['cbs', 'DescribeDisks', 'a page of 100', { Limit: 100 }],
];

/** Signed calls a second: three describes to one change, over 16 connections. */
async function throughput(port: number, seconds: number): Promise<{ perSecond: number; most: number }> {
  const end = performance.now() + seconds * 1000;
  const times: number[] = [];
  const worker = async (number: number): Promise<void> => {
    for (let round = 0; performance.now() < end; round++) {
      const begun = performance.now();
      const ImageIds = [`img-${String((number * 97 + round) % size.images).padStart(8, '0')}`];
      if (round % 4 !== 3) await call(port, 'cvm', 'DescribeImages', { ImageIds });
      else await call(port, 'cvm', 'ModifyImageAttribute', { ImageId: ImageIds[0], ImageDescription: `at ${round}` });
      times.push(performance.now() - begun);
    }
  };
  await Promise.all(Array.from({ length: 16 }, (_, number) => worker(number)));
  times.sort((a, b) => a - b);
  return { perSecond: times.length / seconds, most: times[Math.floor(times.length * 0.99)]! };
}

function bytesIn(directory: string): number {
  return readdirSync(directory).reduce((sum, name) => sum + statSync(join(directory, name)).size, 0);
}

const ms = (value: number): string => `${value.toFixed(1)} ms`;

/** The figures, with what they should be. */
export async function measureSimulator(seconds = 20): Promise<Figure[]> {
  const data = mkdtempSync(join(tmpdir(), 'simulator-bench-'));
  try {
    const first = await start(data);
    await fill(first.port);
    await first.stop();
    const running = await start(data);
    const rows: Figure[] = [];
    const row = (what: string, target: string, value: string): void => {
      rows.push({ what, value, target });
    };
    row('start with 1,000 instances, 10,000 snapshots, 2,000 images', '< 1 s', ms(running.startMs));
    for (const [service, action, how, params] of describes) {
      const { half, most } = await timed(200, () => call(running.port, service, action, params));
      row(`${action}, ${how} (half, 99 in 100)`, '< 10 ms', `${ms(half)}, ${ms(most)}`);
    }
    const before = bytesIn(data);
    const { perSecond, most } = await throughput(running.port, seconds);
    const load = `${perSecond.toFixed(0)} a second, 99 in 100 under ${ms(most)}`;
    row(`signed calls over 16 connections, ${seconds} s`, '≥ 500 a second', load);
    const mib = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(1)} MiB`;
    row('its files, before and after that load', 'bounded', `${mib(before)}, ${mib(bytesIn(data))}`);
    await running.stop();
    const again = await start(data);
    row('start after that load', '< 1 s', ms(again.startMs));
    await again.stop();
    return rows;
  } finally {
    agent.destroy();
    rmSync(data, { recursive: true, force: true });
  }
}

if (require.main === module) {
  measureSimulator()
    .then((rows) => console.log(table(rows)))
    .catch((error: unknown) => {
      console.error(error);
      process.exitCode = 1;
    });
}
