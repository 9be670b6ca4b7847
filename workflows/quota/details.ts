import type { QuotaProgress, RoomRequest } from '../../contract';
import { cell } from '../details';

/** A region's quota as Markdown, for the current details in the Web UI. */
export function quotaDetails({ accountId, region, leases, queue, images, seenAt, retired }: QuotaProgress): string {
  const numbers = images ? `**${images.used} of ${images.total}** custom images (${seenAt ?? ''})` : 'not looked yet';
  return [
    `${region}, account ${accountId}: ${numbers} · ${leases.length} have a slot · ${queue.length} wait`,
    ...(queue.length > 0 ? ['', '| waits | build | asked | when full | note |', '|---|---|---|---|---|'] : []),
    ...queue.map(
      (one, index) => `| ${index + 1} | ${link(one)} | ${one.since} | ${one.whenFull} | ${cell(one.why ?? '')} |`,
    ),
    ...(leases.length > 0 ? ['', '| has a slot | since |', '|---|---|'] : []),
    ...leases.map((one) => `| ${link(one)} | ${one.grantedAt} |`),
    ...(retired.length > 0 ? ['', 'Deleted to make room:', ...retired.map((line) => `- ${line}`)] : []),
  ].join('\n');
}

/** A release asks for its copies. */
const link = ({ buildId, workflowId = '' }: RoomRequest) =>
  `\`${buildId}\` (${buildId.startsWith('release-') ? 'a copy of ' : ''}\`${workflowId}\`)`;
