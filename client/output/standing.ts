import { formatSeconds } from '../../contract';
import type { BuildView } from '../view';

/** What a build stands for, and what its source has to bear meanwhile; a line each, none when all goes by itself. */
export function standing({
  held,
  waiting,
  paused,
  queued,
  sourceDownSince,
  steps,
  undo,
  workflowId,
  region,
}: BuildView): string[] {
  const lines: string[] = [];
  if (held) {
    lines.push(`held until ${shortTime(held.until)}; go on with: cvm-image retry ${workflowId}`);
    if (held.advice !== undefined) lines.push(held.advice);
    if (held.secondDownTime) lines.push(`a retry begins with ${held.retryFrom}: the source goes down once more`);
  }
  if (waiting) {
    const { imageId, until } = waiting;
    lines.push(`${imageId} waits for approval until ${shortTime(until)}: cvm-image approve ${workflowId}, or reject`);
  }
  if (paused) {
    const where = paused.since === undefined ? 'will pause' : 'paused';
    const why = paused.reason === undefined ? '' : ` (${paused.reason})`;
    lines.push(`${where} before ${paused.before}${why}; go on with: cvm-image resume ${workflowId}`);
  }
  if (queued) {
    const { position, images, until, why } = queued;
    const numbers = `${images.used} of ${images.total} custom images when it asked`;
    lines.push(`waits for room in ${region}: place ${position} in the queue, until ${shortTime(until)}; ${numbers}`);
    if (why !== undefined) lines.push(`nothing of its family may go: ${why}`);
  }
  const stopped = [...steps, ...undo].find(({ activity }) => activity?.state === 'paused')?.activity;
  if (stopped && sourceDownSince !== undefined) {
    lines.push(`the source stays down while ${stopped.name} is paused in Temporal: unpause it`);
  }
  return lines;
}

/** Without milliseconds, which nobody needs here. */
const shortTime = (time: string) => time.replace(/\.\d+Z$/, 'Z');

/** For how long the source has been down; undefined while it is up. */
export const downFor = ({ sourceDownSince }: BuildView, now: number): string | undefined =>
  sourceDownSince === undefined ? undefined : formatSeconds((now - Date.parse(sourceDownSince)) / 1000);
