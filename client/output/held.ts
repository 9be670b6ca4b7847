import type { HeldProgress } from '../../contract';
import type { BuildView } from '../view';
import { type Colors, labelled } from './text';

/** Why a build is held, and what can be done about it. */
export function renderHeld(
  { buildId, workflowId }: Pick<BuildView, 'buildId' | 'workflowId'>,
  held: HeldProgress,
  { colors, webUi }: { colors: Colors; webUi: string | undefined },
): string {
  const { message, code, advice, requestId, until, retryFrom, secondDownTime, imageStays } = held;
  const rows: [string, string][] = [['why', message.includes(code) ? message : `${message} (${code})`]];
  const undone = imageStays ? 'the launch is undone; image and snapshots stay' : 'what was made is undone';
  if (requestId !== undefined && !message.includes(requestId)) rows.push(['RequestId', requestId]);
  if (advice !== undefined) rows.push(['what to do', advice]);
  const again = secondDownTime ? ', with a second down-time of the source' : '';
  rows.push(['then', `cvm-image retry ${workflowId}   goes on with ${retryFrom}${again}`]);
  rows.push(['or', `cvm-image cancel ${workflowId}   ${undone}`]);
  rows.push(['held until', `${until}, then ${undone}`]);
  if (webUi !== undefined) rows.push(['Web UI', webUi]);
  return [colors.bold(colors.magenta(`Build ${buildId} is held.`)), '', ...labelled(rows, colors)].join('\n');
}
