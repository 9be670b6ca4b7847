import Table from 'cli-table3';
import type { BuildResult } from '../../contract';
import type { Colors } from '../../client/output/text';
import type { DemoSimulator } from './simulator';
import { sha256 } from './source';

export interface Proof {
  /** For people. */
  table: string;
  /** Whether every new disk holds what the old one holds. */
  equal: boolean;
}

/** Reads the disks of the source and those of the new instance, and compares what is on them. */
export async function compareDisks(result: BuildResult, simulator: DemoSimulator, colors: Colors): Promise<Proof> {
  const table = new Table({
    head: ['disk of the source', 'sha256', 'disk of the new instance', 'sha256', ''],
    style: { head: [], border: [] },
  });
  const newDisks = result.instance?.dataDisks ?? [];
  let equal = result.snapshots.length > 0;
  for (const { diskId, snapshotId } of result.snapshots) {
    const copy = newDisks.find((disk) => disk.snapshotId === snapshotId);
    const before = await simulator.content(diskId);
    const after = copy && (await simulator.content(copy.diskId));
    const same = before !== undefined && before === after;
    equal &&= same;
    const verdict = same ? colors.green('✓ equal') : colors.red('✗ differs');
    table.push([diskId, digest(before), copy?.diskId ?? 'none', digest(after), verdict]);
  }
  return { table: table.toString(), equal };
}

const digest = (content: string | undefined) =>
  content === undefined ? 'cannot be read' : sha256(content).slice(0, 16);
