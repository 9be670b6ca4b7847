import type { DeletionPlan, ImageDetails, ImageSnapshot, ImageSummary, Maker } from '../../contract';
import { type Colors, columnsOf, labelled, line } from './text';

/** Images as a table with a heading; cut to `columns` on a terminal, whole in a file. */
export function imagesTable(images: ImageSummary[], colors: Colors, columns?: number): string[] {
  const rows = images.map((image) => [
    image.imageId,
    image.name,
    image.state,
    `${image.size} GiB`,
    image.family ?? '',
    image.createdAt ?? '',
    makerOf(image.madeBy),
    image.fate ?? '',
    image.sharedWith && image.sharedWith.length > 0 ? `${image.sharedWith.length} accounts` : '',
  ]);
  const heading = ['IMAGE', 'NAME', 'STATE', 'SIZE', 'FAMILY', 'CREATED', 'BUILD', 'KEPT', 'SHARED'];
  return columnsOf([heading, ...rows]).map((text, index) =>
    line([index === 0 ? [text, 'dim'] : text], colors, columns),
  );
}

/** A build of another installation is named with that one. */
const makerOf = (maker: Maker | undefined) =>
  maker === undefined ? '' : maker.ours ? maker.buildId : `${maker.installation}/${maker.buildId}`;

/** Everything about one image, as people read it. */
export function renderImage(region: string, image: ImageDetails, colors: Colors): string {
  const rows: [string, string][] = [
    ['name', image.name],
    ['region', region],
    ['state', image.deprecated ? `${image.state}, deprecated` : image.state],
    ['size', `${image.size} GiB`],
  ];
  const add = (label: string, value: string | undefined) => {
    if (value !== undefined && value !== '') rows.push([label, value]);
  };
  add('family', image.family);
  add('description', image.description);
  add('system', [image.osName, image.architecture].filter(Boolean).join(', '));
  add('created', image.createdAt);
  rows.push(['build', buildOf(image)], ['snapshots', snapshotsOf(image.snapshots)]);
  if (image.madeBy) rows.push(['data disks', snapshotsOf(image.buildSnapshots)]);
  rows.push(
    ['instances', image.instances.map((one) => `${one.instanceId}  ${one.name}, ${one.state}`).join('\n') || 'none'],
    ['shared with', image.sharedWith?.length ? image.sharedWith.join(', ') : 'nobody'],
  );
  return [colors.bold(`Image ${image.imageId}`), '', ...labelled(rows, colors)].join('\n');
}

function buildOf({ madeBy, sourceInstanceId, buildIsOpen, fate }: ImageDetails): string {
  if (!madeBy) return 'none: not made by a build';
  const source = sourceInstanceId === undefined ? '' : ` of ${sourceInstanceId}`;
  return `${makerOf(madeBy)}${source}, ${buildIsOpen ? 'still open' : (fate ?? 'fate unknown')}`;
}

function snapshotsOf(snapshots: ImageSnapshot[]): string {
  const lines = snapshots.map(({ snapshotId, usage, size, diskId, state, otherImages, sharedWith }) => {
    const kind = usage === 'SYSTEM_DISK' ? 'system disk' : 'data disk';
    return [
      `${snapshotId}  ${kind}${diskId ? ` ${diskId}` : ''}, ${size} GiB`,
      ...(state === 'NORMAL' ? [] : [state ?? 'not to be seen']),
      ...(otherImages.length > 0 ? [`also in ${otherImages.join(', ')}`] : []),
      ...(sharedWith > 0 ? [`shared with ${sharedWith} accounts`] : []),
    ].join(', ');
  });
  return lines.join('\n') || 'none';
}

/** What goes, and what stays, before somebody is asked. */
export function describePlan(image: ImageDetails, plan: DeletionPlan, colors: Colors): string[] {
  const all = [...image.snapshots, ...image.buildSnapshots];
  const going = all.filter(({ snapshotId }) => plan.snapshotIds.includes(snapshotId));
  const rows: [string, string][] = [
    ['image', `${plan.imageId}  ${plan.name}, ${image.size} GiB`],
    ['snapshots', snapshotsOf(going)],
  ];
  if (plan.stays.length > 0) {
    rows.push(['stays', plan.stays.map(({ snapshotId, why }) => `${snapshotId}  ${why}`).join('\n')]);
  }
  return [colors.bold('To be deleted:'), '', ...labelled(rows, colors), ''];
}
