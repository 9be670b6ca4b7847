import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { bundlePath } from '../../support/bare-worker';

let folder: string | undefined;
let lean: string | undefined;

/** A folder for what workers are started with; it goes with this process. */
export function workerFolder(): string {
  if (folder !== undefined) return folder;
  const own = (folder = mkdtempSync(path.join(os.tmpdir(), 'cvm-image-workers-')));
  process.once('exit', () => rmSync(own, { recursive: true, force: true }));
  return own;
}

/** A file there. @returns its path */
export function forWorkers(name: string, text: string): string {
  const file = path.join(workerFolder(), name);
  writeFileSync(file, text);
  return file;
}

const mapMarker = '\n//# sourceMappingURL=data:application/json;charset=utf-8;base64,';

/** The SDK wants a source map in every bundle; an empty one will do. */
export function withEmptyMap(code: string): string {
  const map = JSON.stringify({ version: 3, sources: [], names: [], mappings: '' });
  return `${code}${mapMarker}${Buffer.from(map).toString('base64')}\n`;
}

/** The bundle of this version without its source map, the reading of which is a tenth of what it takes to start a worker. */
export function leanBundle(): string {
  if (lean !== undefined) return lean;
  const code = readFileSync(bundlePath, 'utf8');
  const at = code.lastIndexOf(mapMarker);
  if (at < 0) throw new Error(`${bundlePath} has no source map`);
  return (lean = forWorkers('workflows.js', withEmptyMap(code.slice(0, at))));
}
