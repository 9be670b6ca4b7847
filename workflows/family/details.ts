import type { FamilyProgress } from '../../contract';
import { cell, found } from '../details';

/** An image family as Markdown, for the current details in the Web UI. */
export function familyDetails({ accountId, family, doing, last, doomed }: FamilyProgress): string {
  return [
    `Image family **${cell(family)}** of account ${accountId}: ${doing === undefined ? 'nothing to do' : cell(doing)}.`,
    ...(last === undefined ? [] : ['', `Last: ${cell(last)}`]),
    ...(doomed.length === 0 ? [] : ['', '| rejected | region | goes at |', '|---|---|---|']),
    ...doomed.map(({ imageId, name, place, at }) => `| \`${imageId}\` ${cell(name)} | ${place.region} | ${at} |`),
    '',
    found(`releases of ${family}`, `ImageFamily = '${family}'`),
  ].join('\n');
}
