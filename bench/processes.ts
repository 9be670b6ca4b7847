import { spawn } from 'node:child_process';
import path from 'node:path';
import type { Figure } from './table';

const dist = path.resolve(__dirname, '..');
const runs = 5;

/** How long the command takes to say how it is used. */
export async function measureProcesses(): Promise<Figure[]> {
  const help: number[] = [];
  for (let run = 0; run < runs; run += 1) help.push(await secondsOf(['client/main.js', '--help']));
  const bare: number[] = [];
  for (let run = 0; run < runs; run += 1) bare.push(await secondsOf(['-e', '0']));
  const [command, node] = [median(help), median(bare)];
  return [
    {
      what: 'cvm-image --help',
      value: `${command.toFixed(2)} s (${(command / node).toFixed(1)} × bare node)`,
      target: '≤ 0.25 s',
    },
  ];
}

async function secondsOf(args: string[]): Promise<number> {
  const begun = performance.now();
  const child = spawn(process.execPath, args, { cwd: dist, stdio: 'ignore' });
  await new Promise((resolve, reject) => child.once('exit', resolve).once('error', reject));
  return (performance.now() - begun) / 1000;
}

const median = (values: number[]) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!;
