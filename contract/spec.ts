import { z } from 'zod';
import { duration } from './duration';
import { imageNameFields } from './names';

// Workflow code may not generate code at run time, and zod's fast path does: the same results, without it.
z.config({ jitless: true });

/** A region, such as ap-guangzhou. */
export const regionSchema = z
  .string()
  .regex(/^[a-z]{2}-[a-z]+(-[a-z0-9]+)*$/, { error: 'expected a region such as ap-guangzhou' });

/** ARN of a CAM role for the worker to assume. */
export const roleArnSchema = z.string().regex(/^qcs::cam::uin\/\d+:(roleName|role)\/.+$/, {
  error: 'expected an ARN such as qcs::cam::uin/100000000001:roleName/image-builder',
});

const id = (prefix: string, example: string) =>
  z.string().regex(new RegExp(`^${prefix}-[0-9a-z]{8}$`), { error: `expected an ID such as ${example}` });

function checkPlaceholders(name: string, context: z.RefinementCtx): void {
  for (const [, field = ''] of name.matchAll(/\{(\w*)\}/g)) {
    if ((imageNameFields as readonly string[]).includes(field)) continue;
    const known = imageNameFields.map((one) => `{${one}}`).join(', ');
    context.addIssue({ code: 'custom', message: `unknown placeholder {${field}}; there are ${known}` });
  }
}

const tags = z
  .record(z.string().min(1).max(127), z.string().max(255))
  .refine((all) => Object.keys(all).every((key) => !key.startsWith('cvm-image-builder/')), {
    error: 'tag keys that begin with cvm-image-builder/ are set by the builder itself',
  });

/** Step deadlines, in seconds, for images that take 5 to 60 minutes. They stand still while people are waited for. */
const deadlines = z
  .strictObject({
    /** The whole build up to the commit point and the launch; undoing has its own. */
    build: duration(1).default(6 * 3600),
    inspectSource: duration(1).default(600),
    checkQuota: duration(1).default(600),
    shutdownInstance: duration(1).default(1800),
    snapshotDisks: duration(1).default(2 * 3600),
    createImage: duration(1).default(1800),
    pollImage: duration(1).default(3 * 3600),
    launchInstance: duration(1).default(1800),
    /** How long undoing is retried before what is left is listed as leftovers. Restoring the source has no deadline. */
    undo: duration(1).default(86_400),
    /** How long a build is held (`onFailure: hold`) for somebody to mend it; then it cleans up. */
    hold: duration(1).default(7 * 86_400),
    /** With `notify`: how long the source may be down before somebody is told. */
    sourceDown: duration(1).default(2 * 3600),
    /** How soon a dead worker is noticed: the heartbeat timeout of every activity. */
    heartbeat: duration(2).default(20),
  })
  .prefault({});

/** How an instance is launched from an image: by a build, or by itself. */
export const launchSettingsSchema = z
  .strictObject({
    zone: z.string().regex(/^[a-z]{2}-[a-z]+-\d+$/, { error: 'expected a zone such as ap-guangzhou-3' }),
    /** Instance type, such as S5.MEDIUM4. Default: that of the source. */
    instanceType: z.string().min(1).optional(),
    vpcId: id('vpc', 'vpc-1a2b3c4d').optional(),
    subnetId: id('subnet', 'subnet-1a2b3c4d').optional(),
    securityGroupIds: z.array(id('sg', 'sg-1a2b3c4d')).max(10).default([]),
    chargeType: z.enum(['POSTPAID_BY_HOUR', 'SPOTPAID']).default('POSTPAID_BY_HOUR'),
    name: z.string().min(1).max(128).optional(),
    /** Host name: Linux 2 to 60 characters, Windows 2 to 15. */
    hostName: z
      .string()
      .min(2)
      .max(60)
      .regex(/^[A-Za-z0-9]+([.-][A-Za-z0-9]+)*$/, {
        error: 'expected letters and digits, with single dots or dashes between them',
      })
      .optional(),
    /** Public bandwidth in Mbps; 0: no public address. */
    publicBandwidth: z.number().int().min(0).max(2000).default(0),
    /** System disk; `size` in GiB, not below the image's. Default: that of the source. */
    systemDisk: z
      .strictObject({ size: z.number().int().min(1).max(32_000).optional(), type: z.string().optional() })
      .prefault({}),
    /** Key pairs for the login. Without them the new instance keeps the login of the image. */
    keyIds: z.array(id('skey', 'skey-1a2b3c4d')).max(10).default([]),
    /** Keep the users and passwords of the image (KeepImageLogin). Default: true unless `keyIds` are given. */
    keepImageLogin: z.boolean().optional(),
    /** cloud-init user data as text, at most 16 KB in base64. It is visible in the workflow's history: no secrets. */
    userData: z.string().max(12_288, { error: 'expected at most 12,288 characters (16 KB in base64)' }).optional(),
    camRole: z.string().min(1).optional(),
    tags: tags.default({}),
  })
  .superRefine((settings, context) => {
    if ((settings.vpcId === undefined) !== (settings.subnetId === undefined)) {
      const missing = settings.vpcId === undefined ? 'vpcId' : 'subnetId';
      context.addIssue({ code: 'custom', path: [missing], message: 'vpcId and subnetId go together' });
    }
    if (settings.keyIds.length > 0 && settings.keepImageLogin === true) {
      context.addIssue({ code: 'custom', path: ['keepImageLogin'], message: 'not together with keyIds' });
    }
  });

/** What a build is asked to do. Every field is explained in docs/spec.md. */
export const buildSpecSchema = z
  .strictObject({
    region: regionSchema,
    instanceId: id('ins', 'ins-1a2b3c4d'),
    image: z.strictObject({
      /** At most 60 characters once `{date}`, `{time}`, `{instance}`, `{family}` and `{build}` are filled in. */
      name: z.string().min(1).max(60).superRefine(checkPlaceholders),
      description: z.string().max(256).optional(),
      /** The series of golden images that this one continues. */
      family: z.string().min(1).max(60).optional(),
      /** Whether the cloud's own ImageFamily is set too, which makes this the image that the family answers with. */
      setImageFamily: z.boolean().default(true),
      tags: tags.default({}),
    }),
    /** `instance`: imaged while stopped. `snapshots`: started again as soon as its disks are snapshotted. */
    method: z.enum(['instance', 'snapshots']).default('instance'),
    /** `snapshot`: one snapshot a disk. `include`: inside the image. `none`. Or the disks to snapshot. */
    dataDisks: z
      .union([z.enum(['snapshot', 'include', 'none']), z.array(id('disk', 'disk-1a2b3c4d')).min(1).max(20)], {
        error: 'expected snapshot, include, none, or a list of disk IDs',
      })
      .default('snapshot'),
    stopType: z.enum(['SOFT_FIRST', 'SOFT', 'HARD']).default('SOFT_FIRST'),
    /** Method `instance` only: start the source again once the image is usable, or as soon as the cloud allows. */
    restartSource: z.enum(['when-image-normal', 'when-allowed']).default('when-image-normal'),
    /** Windows only: generalise the image (Sysprep). */
    sysprep: z.boolean().default(false),
    launch: launchSettingsSchema.optional(),
    /**
     * `cleanup`: undo what was made. `hold`: wait for somebody to mend it and have the step tried again. `keep`: leave what
     * was made and list it. The source is restored either way.
     */
    onFailure: z.enum(['cleanup', 'hold', 'keep']).default('cleanup'),
    /** Name of a webhook in the worker's configuration that is told when the build needs somebody. */
    notify: z
      .string()
      .regex(/^[a-z0-9]+(-[a-z0-9]+)*$/, { error: 'expected the name of a webhook of the worker, such as ops' })
      .optional(),
    deadlines,
    /** ARN of a CAM role that the worker assumes for this build; the worker's allow list must name it. */
    roleArn: roleArnSchema.optional(),
  })
  .superRefine((spec, context) => {
    if (spec.image.name.includes('{family}') && spec.image.family === undefined) {
      context.addIssue({ code: 'custom', path: ['image', 'name'], message: '{family} needs image.family' });
    }
    if (spec.sysprep && spec.method !== 'instance') {
      context.addIssue({ code: 'custom', path: ['sysprep'], message: 'only with method: instance' });
    }
    if (spec.restartSource === 'when-allowed' && spec.method !== 'instance') {
      context.addIssue({
        code: 'custom',
        path: ['restartSource'],
        message: 'only with method: instance (method: snapshots always restarts early)',
      });
    }
    if (spec.launch && !spec.launch.zone.startsWith(`${spec.region}-`)) {
      context.addIssue({ code: 'custom', path: ['launch', 'zone'], message: `not a zone of ${spec.region}` });
    }
  });

/** A spec as people write it: defaults left out, durations as text. */
export type BuildSpecInput = z.input<typeof buildSpecSchema>;
/** A normalised spec: every default filled in, durations in seconds. */
export type BuildSpec = z.output<typeof buildSpecSchema>;
export type LaunchSettings = NonNullable<BuildSpec['launch']>;
export type ImageMethod = BuildSpec['method'];
