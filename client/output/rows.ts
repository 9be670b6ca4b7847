import { formatSeconds, type LaunchedInstance, type Resource } from '../../contract';
import { type Colors, columnsOf } from './text';

export interface ResultOptions {
  colors?: Colors;
  /** Seconds that the whole build took. */
  seconds?: number | undefined;
  /** Region of the build, for the command that removes what is left over. */
  region?: string | undefined;
  /** Address of the build in the Web UI. */
  webUi?: string | undefined;
  /** More rows at the end of the first table. */
  extra?: [label: string, value: string][];
}

/** A new instance with its addresses and disks. */
export function instanceRows(instance: LaunchedInstance): [label: string, value: string][] {
  const { instanceId, name, zone, privateIps, publicIps, systemDiskId, dataDisks } = instance;
  const disks = dataDisks.map(
    ({ diskId, snapshotId, size }) => `${diskId}  ${snapshotId ? `from ${snapshotId}, ` : ''}${size} GiB`,
  );
  return [
    ['new instance', `${instanceId}  ${name}, ${zone}`],
    ['addresses', [privateIps.join(', '), publicIps.join(', ')].filter(Boolean).join('; public: ') || 'none'],
    ['new disks', [`${systemDiskId}  system disk`, ...disks].join('\n')],
  ];
}

/** Seconds per step, indented. */
export const durationRows = (steps: { step: string; seconds: number }[]): string[] =>
  columnsOf(steps.map(({ step, seconds }) => [step, formatSeconds(seconds).padStart(12)])).map((text) => `  ${text}`);

/** A resource in one line: its type, its ID and what it is for. */
export function describeResource({ type, id, note }: Resource): string {
  return `${type} ${id}${note === undefined ? '' : `  ${note}`}`;
}
