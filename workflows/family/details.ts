import type { FamilyProgress } from '../../contract';
import { cell, found } from '../details';

/** An image family as Markdown, for the current details in the Web UI. */
export function familyDetails({ accountId, family, doing, last, doomed, ...more }: FamilyProgress): string {
  const { trailing = [], orphaned = [], unshared = [] } = more;
  return [
    `Image family **${cell(family)}** of account ${accountId}: ${doing === undefined ? 'nothing to do' : cell(doing)}.`,
    ...(last === undefined ? [] : ['', `Last: ${cell(last)}`]),
    ...trailing.flatMap(({ place, imageIds, tries = 0, problem }) => [
      '',
      `In ${place.region} ${imageIds.join(', ')} may answer for the family until copied${tried(tries, problem)}.`,
    ]),
    ...unshared.flatMap(({ place, imageId, accounts, tries = 0, problem }) => [
      '',
      tries === 0
        ? `In ${place.region} ${imageId} is not shared while it is changed, and will be with ${accounts.join(', ')} again.`
        : `In ${place.region} ${imageId} is not shared with ${accounts.join(', ')} as before${tried(tries, problem)}.`,
    ]),
    ...orphaned.flatMap(({ place, imageId, snapshotIds, tries = 0, problem }) => [
      '',
      `In ${place.region} ${snapshotIds.join(', ')} are to go with ${imageId}${tried(tries, problem)}.`,
    ]),
    ...(doomed.length === 0 ? [] : ['', '| rejected | region | goes at |', '|---|---|---|']),
    ...doomed.map(({ imageId, name, place, at }) => `| \`${imageId}\` ${cell(name)} | ${place.region} | ${at} |`),
    '',
    found(`releases of ${family}`, `ImageFamily = '${family}'`),
  ].join('\n');
}

const tried = (tries: number, problem: string | undefined) =>
  `${tries === 0 ? '' : `, tried ${tries} times`}${problem === undefined ? '' : `: ${cell(problem)}`}`;
