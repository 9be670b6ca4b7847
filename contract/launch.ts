import { duration, heartbeatTimeout } from './duration';
import { once } from './once';
import type { StepProgress } from './progress';
import type { BuildFailure } from './result';
import type { Resource } from './resources';
import { launchSettingsSchema, regionSchema, roleArnSchema } from './spec';
import { checkAgainst, type SpecCheck } from './spec-errors';
import type { BuildRef, Disk, DiskSnapshot, ImageFacts, LaunchedInstance, SourceFacts } from './steps';
import { z } from './zod';

/** Name of the workflow type that launches one instance from an image. */
export const launchWorkflowType = 'launchImage';

/** Launches exclude nobody, so their workflow IDs end in something random: `launch-image/ap-guangzhou/1a2b3c4d`. */
export const launchWorkflowId = (region: string, random: string) => `launch-image/${region}/${random}`;

/** The launch ID, such as `launch-5e8c0f9a1b2c`: like a build ID it is part of the tags of what is made. */
export const launchIdOf = (firstExecutionRunId: string) => `launch-${firstExecutionRunId.slice(-12)}`;

/** The word for "the build that made the image" where a build ID may stand. */
export const ownBuild = 'own';

/** What a launch is asked to do. Every field is explained in docs/images.md. */
export const launchSpecSchema = once(() =>
  z
    .strictObject({
      region: regionSchema().describe('Region of the image, such as ap-guangzhou.'),
      image: z
        .string()
        .min(1)
        .max(80)
        .describe('ID of a custom image, its exact name, or family:NAME for the newest image of a family.'),
      build: z
        .string()
        .regex(/^([0-9a-z]{8}-[0-9a-f]{12}|own)$/, {
          error: 'expected a build ID such as web00001-0123456789ab, or own',
        })
        .optional()
        .describe('New data disks from the data-disk snapshots of this build; own: of the build that made the image.'),
      launch: launchSettingsSchema().describe('The instance to launch.'),
      deadlines: z
        .strictObject({
          inspectLaunch: duration(1).default(600).describe('Checking the image and what the instance needs.'),
          launchInstance: duration(1).default(1800).describe('Launching the instance, until it runs.'),
          undo: duration(1)
            .default(86_400)
            .describe('How long undoing is retried before what is left is listed as leftovers.'),
          heartbeat: heartbeatTimeout(),
        })
        .prefault({})
        .describe('Seconds, or text such as 90s, 45m, 2h, 7d.'),
      roleArn: roleArnSchema().optional().describe('ARN of a CAM role that the worker assumes for this launch.'),
    })
    .superRefine((spec, context) => {
      if (!spec.launch.zone.startsWith(`${spec.region}-`)) {
        context.addIssue({ code: 'custom', path: ['launch', 'zone'], message: `not a zone of ${spec.region}` });
      }
    }),
);

export type LaunchSpecInput = z.input<ReturnType<typeof launchSpecSchema>>;
export type LaunchSpec = z.output<ReturnType<typeof launchSpecSchema>>;

/** Checks and normalises the spec of a launch; answers every problem at once. Never throws. */
export function checkLaunchSpec(input: unknown): SpecCheck<LaunchSpec> {
  return checkAgainst(launchSpecSchema(), input);
}

/** The steps of a launch, in order. */
export const launchStepNames = ['inspectLaunch', 'launchInstance', 'keepResources'] as const;
export type LaunchStepName = (typeof launchStepNames)[number];

/** What inspectLaunch finds: everything that launchInstance needs. */
export interface LaunchPlan {
  image: ImageFacts & { family?: string | undefined };
  /** What the settings leave open is taken from here: the image's source instance where it still exists. */
  source: SourceFacts;
  /** Snapshots that new data disks are made from. */
  snapshots: DiskSnapshot[];
  /** The disks that the snapshots are of, for their types. */
  dataDisks: Disk[];
}

export interface LaunchInspection {
  build: BuildRef;
  spec: LaunchSpec;
}

/** What a launch made. */
export interface LaunchResult {
  kind: 'launch';
  /** The launch ID. */
  buildId: string;
  region: string;
  image: LaunchPlan['image'];
  /** Those that new data disks were made from. */
  snapshots: DiskSnapshot[];
  instance: LaunchedInstance;
  steps: { step: LaunchStepName; seconds: number }[];
  resources: Resource[];
}

export type LaunchFailure = BuildFailure<LaunchStepName>;
export type LaunchStepProgress = StepProgress<LaunchStepName>;
