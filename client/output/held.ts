import type { HeldProgress, WaitingProgress } from '../../contract';
import type { BuildView } from '../view';
import { type Colors, labelled } from './text';

/** Why a build is held, and what can be done about it. */
export function renderHeld(
  { buildId, workflowId, kind }: Pick<BuildView, 'buildId' | 'workflowId' | 'kind'>,
  held: HeldProgress<string>,
  { colors, webUi }: { colors: Colors; webUi: string | undefined },
): string {
  const { message, code, advice, requestId, until, retryFrom, secondDownTime, imageStays } = held;
  const rows: [string, string][] = [['why', message.includes(code) ? message : `${message} (${code})`]];
  const undone =
    kind === 'release'
      ? releaseEnds
      : imageStays
        ? 'the launch is undone; image and snapshots stay'
        : 'what was made is undone';
  if (requestId !== undefined && !message.includes(requestId)) rows.push(['RequestId', requestId]);
  if (advice !== undefined) rows.push(['what to do', advice]);
  const again = secondDownTime ? ', with a second down-time of the source' : '';
  rows.push(['then', `cvm-image retry ${workflowId}   goes on with ${retryFrom}${again}`]);
  rows.push(['or', `cvm-image cancel ${workflowId}   ${undone}`]);
  rows.push(['held until', `${until}, then ${undone}`]);
  if (webUi !== undefined) rows.push(['Web UI', webUi]);
  const title = kind === 'release' ? 'Release' : 'Build';
  return [colors.bold(colors.magenta(`${title} ${buildId} is held.`)), '', ...labelled(rows, colors)].join('\n');
}

const releaseEnds = 'the run ends: an image that is not promoted is rejected, what is current stays so';

/** That a release waits for an approval, and how it is given. */
export function renderWaiting(
  { buildId, workflowId }: Pick<BuildView, 'buildId' | 'workflowId'>,
  { imageId, until }: WaitingProgress,
  { colors, webUi }: { colors: Colors; webUi: string | undefined },
): string {
  const rows: [string, string][] = [
    ['image', imageId],
    ['then', `cvm-image approve ${workflowId}   it becomes the current one`],
    ['or', `cvm-image reject ${workflowId} --reason TEXT   it is deleted after a while`],
    ['waits until', `${until}, then it is rejected`],
  ];
  if (webUi !== undefined) rows.push(['Web UI', webUi]);
  return [colors.bold(colors.magenta(`Release ${buildId} waits for approval.`)), '', ...labelled(rows, colors)].join(
    '\n',
  );
}
