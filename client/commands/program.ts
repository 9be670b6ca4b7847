import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { ClientError } from '../errors';

/** The programs that are part of this package but not of the client. */
export type Program = 'worker' | 'dev';

/**
 * Runs another program of this package until it ends. It has our terminal, gets our signals, and gives us its exit code.
 *
 * @param args go to the program as they are
 */
export async function runProgram(program: Program, args: string[]): Promise<number> {
  const file = path.resolve(__dirname, '..', '..', program, 'main.js');
  if (!existsSync(file)) throw new ClientError(`${program} is not built: ${file} is missing. Run: npm run build`);
  const child = spawn(process.execPath, [file, ...args], { stdio: 'inherit' });
  const forward = (signal: NodeJS.Signals) => {
    // Ctrl-C in a terminal reaches the child as well; told twice, it would take it for impatience.
    if (signal === 'SIGINT' && process.stdin.isTTY) return;
    child.kill(signal);
  };
  const signals: NodeJS.Signals[] = ['SIGINT', 'SIGTERM', 'SIGHUP'];
  for (const signal of signals) process.on(signal, forward);
  try {
    return await new Promise<number>((resolve, reject) => {
      child.once('error', reject);
      child.once('exit', (code, signal) => resolve(code ?? 128 + (signal ? os.constants.signals[signal] : 0)));
    });
  } finally {
    for (const signal of signals) process.off(signal, forward);
  }
}
