import type { FamilyImage, RetiredImage } from '../../contract';
import type { SharedImage } from '../shared-images';
import { type Colors, columnsOf, line } from './text';

/** Families as a table with a heading; cut to `columns` on a terminal, whole in a file. */
export function familiesTable(
  families: { family: string; images: number; current: FamilyImage | undefined; previous: FamilyImage | undefined }[],
  colors: Colors,
  columns?: number,
): string[] {
  const rows = families.map(({ family, images, current, previous }) => [
    family,
    String(images),
    current?.imageId ?? 'none',
    current?.name ?? '',
    current?.since ?? '',
    previous?.imageId ?? '',
  ]);
  return table(['FAMILY', 'IMAGES', 'CURRENT', 'NAME', 'SINCE', 'BEFORE'], rows, colors, columns);
}

/** What a script is told of the current image: an object of strings, as Terraform's data source `external` asks for. */
export const currentFields = (image: FamilyImage, region: string): Record<string, string> => {
  const { imageId, name, family, buildId, release, nominalAt, since } = image;
  return { imageId, name, family, region, buildId, release, nominalAt, since };
};

/** What becomes of the shares of images that take a change: said before anything is done. */
export const renderSharesTaken = (shared: SharedImage[]): string[] =>
  shared.map(
    ({ imageId, name, accounts }) =>
      `${imageId} (${name}) is shared with ${accounts.join(', ')}. A shared image takes no changes: it is unshared, changed, and shared again.`,
  );

/** The images of a family as a table with a heading. */
export function familyTable(images: FamilyImage[], colors: Colors, columns?: number): string[] {
  const rows = images.map(({ imageId, name, state, since, nominalAt, imageState, release }) => [
    imageId,
    name,
    state,
    since,
    nominalAt,
    imageState,
    release,
  ]);
  return table(['IMAGE', 'NAME', 'RELEASE', 'SINCE', 'DUE', 'STATE', 'RUN'], rows, colors, columns);
}

/** What became of images that were looked at for retirement, or would. */
export function retiredTable(images: RetiredImage[], colors: Colors, columns?: number): string[] {
  const rows = images.map(({ imageId, name, outcome, reason, problem }) => [imageId, name, outcome, problem ?? reason]);
  return table(['IMAGE', 'NAME', 'OUTCOME', 'WHY'], rows, colors, columns);
}

function table(heading: string[], rows: string[][], colors: Colors, columns: number | undefined): string[] {
  return columnsOf([heading, ...rows]).map((text, index) =>
    line([index === 0 ? [text, 'dim'] : text], colors, columns),
  );
}
