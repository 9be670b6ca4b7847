import { execFileSync } from 'node:child_process';
import path from 'node:path';

/** What Chromium is started with: without a sandbox of its own, as in a container, and without talking to anybody. */
export const chromiumArguments: readonly string[] = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** The Chromium of this machine: `CHROMIUM_PATH`, or one on the PATH; throws when there is none. */
export function findChromium(): string {
  const names = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];
  const candidates = [
    process.env.CHROMIUM_PATH,
    ...(process.env.PATH ?? '').split(path.delimiter).flatMap((folder) => names.map((name) => path.join(folder, name))),
  ];
  for (const candidate of candidates) {
    if (candidate === undefined) continue;
    try {
      execFileSync(candidate, ['--version'], { stdio: 'ignore' });
      return candidate;
    } catch {
      // Not there, or not a browser: the next one.
    }
  }
  throw new Error('Chromium is needed: install it, or set CHROMIUM_PATH.');
}
