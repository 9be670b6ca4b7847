import { closeSync, openSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { endProcess, identify, type ProcessIdentity, stillRuns } from '../processes/identity';

/** What a stack notes in its data directory, so that others find it and a later start can clear up after a `kill -9`. */
export interface StackRecord {
  /** The process that looks after the stack. */
  owner: ProcessIdentity;
  startedBy: 'dev' | 'demo';
  /** True when the stack is meant to go on without its owner. */
  left: boolean;
  /** In the order in which they were started. */
  processes: (ProcessIdentity & { name: string })[];
  /** Absent until everything runs. */
  place?: StackPlace;
}

/** Where the parts of a stack are. */
export interface StackPlace {
  temporalAddress: string;
  namespace: string;
  /** Base address of the Temporal Web UI; undefined for a cluster of somebody else's. */
  uiUrl?: string | undefined;
  simulatorUrl: string;
  taskQueue: string;
  dataDir: string;
  speed: number;
}

const fileOf = (dataDir: string) => path.join(dataDir, 'stack.json');

export function readRecord(dataDir: string): StackRecord | undefined {
  try {
    return JSON.parse(readFileSync(fileOf(dataDir), 'utf8')) as StackRecord;
  } catch {
    return undefined;
  }
}

export function writeRecord(dataDir: string, record: StackRecord): void {
  const unfinished = `${fileOf(dataDir)}.${process.pid}`;
  writeFileSync(unfinished, `${JSON.stringify(record, null, 2)}\n`);
  renameSync(unfinished, fileOf(dataDir));
}

export function removeRecord(dataDir: string): void {
  rmSync(fileOf(dataDir), { force: true });
}

/** Whether the stack of this record is up, and not what a killed process left behind. */
export async function isUp(record: StackRecord): Promise<boolean> {
  if (await stillRuns(record.owner)) return true;
  if (!record.left) return false;
  const states = await Promise.all(record.processes.map(stillRuns));
  return states.length > 0 && states.every(Boolean);
}

/**
 * Makes the data directory ours, after ending what a killed stack left running in it.
 *
 * @returns false when a stack is up in it
 */
export async function claim(dataDir: string, startedBy: StackRecord['startedBy']): Promise<boolean> {
  await mkdir(dataDir, { recursive: true });
  const before = readRecord(dataDir);
  if (before !== undefined) {
    if (await isUp(before)) return false;
    await endProcesses(before);
  }
  removeRecord(dataDir);
  try {
    // Of two that start at the same moment, one creates the file.
    closeSync(openSync(fileOf(dataDir), 'wx'));
  } catch {
    return false;
  }
  const owner = (await identify(process.pid))!;
  writeRecord(dataDir, { owner, startedBy, left: false, processes: [] });
  return true;
}

/** Ends all that a record names and that still is what it was, the last started first. */
export async function endProcesses({ processes }: StackRecord): Promise<void> {
  for (const one of [...processes].reverse()) await endProcess(one);
}
