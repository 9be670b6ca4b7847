import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { installIntoCache } from './cache';
import { type Program } from './programs';

/** Nothing has begun to arrive by then: there is no way to the internet, only silence. */
const firstByteMs = 10_000;
const wholeMs = 300_000;

/**
 * Lets `@temporalio/testing` download the program and puts it into the cache. It downloads only as part of starting a
 * server, in native code that cannot be stopped, so that happens in a process of its own, which is ended once the file
 * is complete.
 */
export function downloadThroughSdk(program: Program, cache: string): Promise<string> {
  return installIntoCache(cache, program, async (folder) => {
    const { type, version } = program.sdk;
    const script = path.join(__dirname, 'sdk-download-process.js');
    const child = spawn(process.execPath, [script, type, version, folder], { stdio: ['ignore', 'ignore', 'pipe'] });
    let said = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text));
    const silence = setTimeout(() => {
      readdir(folder).then(
        (files) => files.length === 0 && child.kill('SIGKILL'),
        () => child.kill('SIGKILL'),
      );
    }, firstByteMs);
    const limit = setTimeout(() => child.kill('SIGKILL'), wholeMs);
    const signal = await new Promise<NodeJS.Signals | null>((resolve, reject) => {
      child.once('error', reject).once('close', (_code, by) => resolve(by));
    });
    clearTimeout(silence);
    clearTimeout(limit);
    const file = (await readdir(folder)).find(
      (name) => name.startsWith(program.executable) && !name.endsWith('.downloading'),
    );
    if (file !== undefined && existsSync(path.join(folder, file))) return path.join(folder, file);
    throw new Error(signal ? 'gave up waiting for an answer.' : shorten(said));
  });
}

/** The native error repeats its address at every level; the first and the last part tell all. */
function shorten(said: string): string {
  const parts = said.trim().split(': ');
  return `${[...new Set([parts[0], parts.at(-1)])].join(': ')}.`;
}
