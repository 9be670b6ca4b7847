/** The task queue that workers of this project poll unless configured otherwise (`CVM_IMAGE_TASK_QUEUE`). */
export const defaultTaskQueue = 'cvm-image-builder';

/** A worker that lives asks its task queue for work at least once a minute; one that has not for so long is gone. */
export const livingSeconds = 70;

/** Name of the build's workflow type. */
export const buildWorkflowType = 'buildImage';

/** Name of the workflow type that inspects and checks what a build would do, and changes nothing. */
export const planWorkflowType = 'planBuild';

/** A plan locks nothing: each has an ID of its own. `request` tells it from others of the same instance. */
export const planWorkflowId = (region: string, instanceId: string, request: string) =>
  `plan-build/${region}/${instanceId}/${request}`;

/** Name of the workflow type that lets a worker examine itself and its access to the cloud. */
export const checkUpWorkflowType = 'checkUp';
export const checkUpWorkflowId = (request: string) => `check-up/${request}`;

/** The workflow ID is the lock: one build per source instance at a time. */
export const buildWorkflowId = (region: string, instanceId: string) => `build-image/${region}/${instanceId}`;

/** Key of the memo field that holds the fingerprint of the spec. */
export const specHashMemo = 'specHash';

/** Key of the memo field with the image's name as the spec has it, for lists; known before any worker has seen the build. */
export const imageNameMemo = 'imageName';

/** Key of the memo field that tells how a cancelled build ended: a cancelled workflow has no failure that could. */
export const reportMemo = 'report';

/**
 * The build ID: the source instance and the tail of the first run's ID, such as `web00001-5e8c0f9a1b2c`. The first
 * run's ID survives a reset, and its last 12 digits are random (the first ones are a clock).
 */
export const buildIdOf = (instanceId: string, firstExecutionRunId: string) =>
  `${instanceId.replace(/^ins-/, '')}-${firstExecutionRunId.slice(-12)}`;

/** The source instance of a build, out of its ID; undefined for the ID of anything else, such as a launch. */
export function instanceIdOf(buildId: string): string | undefined {
  const instance = /^([0-9a-z]{8})-[0-9a-f]{12}$/.exec(buildId)?.[1];
  return instance === undefined ? undefined : `ins-${instance}`;
}

/** Keys of the tags that mark what belongs to whom. Their values begin with the installation's name. */
export const tagKeys = {
  /** installation/build, on everything that a build makes. */
  build: 'cvm-image-builder/build',
  /** Which try of the build made it; absent for the first. */
  generation: 'cvm-image-builder/generation',
  /** `pending` until the commit point, then `kept`. */
  state: 'cvm-image-builder/state',
  /** installation/build, on a source instance that was running and is to run again. */
  restore: 'cvm-image-builder/restore',
  /** installation/family, on an image that a pipeline made for that family. */
  family: 'cvm-image-builder/family',
  /**
   * What became of such an image, and since when, such as `current/2026-11-25T02:00:00.000Z`. The image that is current in
   * the family is the one whose `current` is the latest.
   */
  release: 'cvm-image-builder/release',
  /** Such an image's run of the pipeline, and when that was due: `release-0123456789ab/2026-11-25T02:00:00.000Z`. */
  run: 'cvm-image-builder/run',
  /** Such an image's fingerprint of the source and the pipeline, which a run with skipUnchanged compares. */
  source: 'cvm-image-builder/source',
} as const;

const snapshotPrefix = 'cib-';

/** Name of a disk's snapshot: at most 60 characters, unique by build, disk and generation. */
export const snapshotName = (buildId: string, diskId: string, generation: number) =>
  `${snapshotPrefix}${buildId}-${diskId}-g${generation}`;

/** Whether a build gave the name: such a snapshot was not made by the cloud for an image, also where its tags are gone. */
export const isSnapshotName = (name: string | undefined): boolean => name?.startsWith(snapshotPrefix) === true;

/** The placeholders of an image name. */
export const imageNameFields = ['date', 'time', 'instance', 'family', 'build'] as const;

/** Fills `{date}` (YYYYMMDD), `{time}` (HHMMSS), both UTC, `{instance}`, `{family}` and `{build}` into an image name. */
export function expandImageName(
  template: string,
  values: { startedAt: Date; instanceId: string; family?: string | undefined; buildId: string },
): string {
  const [day, clock] = values.startedAt.toISOString().split('T') as [string, string];
  const fields: Record<(typeof imageNameFields)[number], string | undefined> = {
    date: day.replaceAll('-', ''),
    time: clock.slice(0, 8).replaceAll(':', ''),
    instance: values.instanceId,
    family: values.family,
    build: values.buildId,
  };
  return template.replace(/\{(\w+)\}/g, (whole, field: keyof typeof fields) => fields[field] ?? whole);
}
