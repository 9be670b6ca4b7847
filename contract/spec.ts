import { duration, heartbeatTimeout } from './duration';
import { imageNameFields } from './names';
import { once } from './once';
import { z } from './zod';

/** A region, such as ap-guangzhou. */
export const regionSchema = once(() =>
  z.string().regex(/^[a-z]{2}-[a-z]+(-[a-z0-9]+)*$/, { error: 'expected a region such as ap-guangzhou' }),
);

/** ARN of a CAM role for the worker to assume. */
export const roleArnSchema = once(() =>
  z.string().regex(/^qcs::cam::uin\/\d+:(roleName|role)\/.+$/, {
    error: 'expected an ARN such as qcs::cam::uin/100000000001:roleName/image-builder',
  }),
);

/** Name of a webhook of the worker. */
export const webhookSchema = once(() =>
  z.string().regex(/^[a-z0-9]+(-[a-z0-9]+)*$/, { error: 'expected the name of a webhook of the worker, such as ops' }),
);

/** ID of a resource, such as ins-1a2b3c4d. */
export const id = (prefix: string, example: string) =>
  z.string().regex(new RegExp(`^${prefix}-[0-9a-z]{8}$`), { error: `expected an ID such as ${example}` });

function checkPlaceholders(name: string, context: z.RefinementCtx): void {
  for (const [, field = ''] of name.matchAll(/\{(\w*)\}/g)) {
    if ((imageNameFields as readonly string[]).includes(field)) continue;
    const known = imageNameFields.map((one) => `{${one}}`).join(', ');
    context.addIssue({ code: 'custom', message: `unknown placeholder {${field}}; there are ${known}` });
  }
}

/** Tags that people give. Those of the builder itself are not among them. */
export const tagsSchema = once(() =>
  z
    .record(z.string().min(1).max(127), z.string().max(255))
    .refine((all) => Object.keys(all).every((key) => !key.startsWith('cvm-image-builder/')), {
      error: 'tag keys that begin with cvm-image-builder/ are set by the builder itself',
    }),
);

/** Step deadlines, in seconds, for images that take 5 to 60 minutes. They stand still while people are waited for. */
const deadlines = () =>
  z
    .strictObject({
      build: duration(1)
        .default(6 * 3600)
        .describe('The whole build up to the commit point and the launch; undoing has its own.'),
      inspectSource: duration(1).default(600).describe('Checking the source instance.'),
      checkQuota: duration(1).default(600).describe('Checking that the region has room for one more image.'),
      shutdownInstance: duration(1).default(1800).describe('Shutting the source instance down.'),
      snapshotDisks: duration(1)
        .default(2 * 3600)
        .describe('Taking the snapshots, until they are usable.'),
      createImage: duration(1).default(1800).describe('Asking the cloud for the image.'),
      pollImage: duration(1)
        .default(3 * 3600)
        .describe('Waiting until the image is usable. Images take 5 to 60 minutes.'),
      launchInstance: duration(1).default(1800).describe('Launching the new instance, until it runs.'),
      undo: duration(1)
        .default(86_400)
        .describe(
          'How long each undo is retried before what is left is listed as leftovers. Starting the source again has no deadline.',
        ),
      hold: duration(1)
        .default(7 * 86_400)
        .describe('How long a build is held (onFailure: hold) for somebody to mend it; then it cleans up.'),
      sourceDown: duration(1)
        .default(2 * 3600)
        .describe('With notify: how long the source may be down before somebody is told.'),
      heartbeat: heartbeatTimeout(),
    })
    .prefault({})
    .describe('Seconds, or text such as 90s, 45m, 2h, 7d.');

/** What a build does when the region holds as many custom images as it may. */
export const roomSchema = once(() =>
  z.strictObject({
    whenFull: z
      .enum(['fail', 'wait', 'retire-oldest'])
      .default('fail')
      .describe(
        'When the region holds as many images as it may. fail: before the source is touched. wait: in a queue, until there is room. retire-oldest: delete the oldest image of the same family that nobody needs, or wait until there is one.',
      ),
    deadline: duration(1)
      .default(6 * 3600)
      .describe('How long it waits for room. Other deadlines stand still meanwhile.'),
  }),
);

/** How an instance is launched from an image: by a build, or by itself. */
export const launchSettingsSchema = once(() =>
  z
    .strictObject({
      zone: z
        .string()
        .regex(/^[a-z]{2}-[a-z]+-\d+$/, { error: 'expected a zone such as ap-guangzhou-3' })
        .describe('Zone of the new instance, such as ap-guangzhou-3; a zone of the region.'),
      instanceType: z.string().min(1).optional().describe('Such as S5.MEDIUM4. Default: that of the source.'),
      vpcId: id('vpc', 'vpc-1a2b3c4d')
        .optional()
        .describe("Goes with subnetId. Default: the source's, in its own zone; else the default network."),
      subnetId: id('subnet', 'subnet-1a2b3c4d').optional().describe('Goes with vpcId; a subnet of the zone.'),
      securityGroupIds: z
        .array(id('sg', 'sg-1a2b3c4d'))
        .max(10)
        .default([])
        .describe("Security groups, the first with the highest priority. None: the source's."),
      chargeType: z.enum(['POSTPAID_BY_HOUR', 'SPOTPAID']).default('POSTPAID_BY_HOUR').describe('How it is paid.'),
      name: z.string().min(1).max(128).optional().describe('Name of the new instance.'),
      hostName: z
        .string()
        .min(2)
        .max(60)
        .regex(/^[A-Za-z0-9]+([.-][A-Za-z0-9]+)*$/, {
          error: 'expected letters and digits, with single dots or dashes between them',
        })
        .optional()
        .describe('Host name: Linux 2 to 60 characters, Windows 2 to 15.'),
      publicBandwidth: z
        .number()
        .int()
        .min(0)
        .max(2000)
        .default(0)
        .describe('Public bandwidth in Mbps; 0: no public address.'),
      systemDisk: z
        .strictObject({
          size: z.number().int().min(1).max(32_000).optional().describe("GiB, not below the image's."),
          type: z.string().optional().describe('Such as CLOUD_PREMIUM.'),
        })
        .prefault({})
        .describe('System disk of the new instance. Default: that of the source.'),
      keyIds: z
        .array(id('skey', 'skey-1a2b3c4d'))
        .max(10)
        .default([])
        .describe('Key pairs for the login. Without them the new instance keeps the login of the image.'),
      keepImageLogin: z
        .boolean()
        .optional()
        .describe('Keep the users and passwords of the image. Default: true without keyIds; not together with them.'),
      userData: z
        .string()
        .max(12_288, { error: 'expected at most 12,288 characters (16 KB in base64)' })
        .optional()
        .describe("cloud-init user data as text. It is visible in the workflow's history: no secrets."),
      camRole: z.string().min(1).optional().describe('CAM role of the new instance.'),
      tags: tagsSchema().default({}).describe('Tags of the new instance.'),
    })
    .superRefine((settings, context) => {
      if ((settings.vpcId === undefined) !== (settings.subnetId === undefined)) {
        const missing = settings.vpcId === undefined ? 'vpcId' : 'subnetId';
        context.addIssue({ code: 'custom', path: [missing], message: 'vpcId and subnetId go together' });
      }
      if (settings.keyIds.length > 0 && settings.keepImageLogin === true) {
        context.addIssue({ code: 'custom', path: ['keepImageLogin'], message: 'not together with keyIds' });
      }
    }),
);

/** What a build is asked to do. The descriptions are those of the JSON schema; docs/spec.md tells the whole story. */
export const buildSpecSchema = once(() =>
  z
    .strictObject({
      region: regionSchema().describe('Region of the source instance, such as ap-guangzhou.'),
      instanceId: id('ins', 'ins-1a2b3c4d').describe('The instance that the image is made from.'),
      image: z
        .strictObject({
          name: z
            .string()
            .min(1)
            .max(60)
            .superRefine(checkPlaceholders)
            .describe(
              'Name of the image: at most 60 characters once {date}, {time}, {instance}, {family} and {build} are filled in.',
            ),
          description: z.string().max(256).optional().describe('Description of the image.'),
          family: z.string().min(1).max(60).optional().describe('The series of golden images that this one continues.'),
          setImageFamily: z
            .boolean()
            .default(true)
            .describe("Set the cloud's own ImageFamily too, which makes this the image that the family answers with."),
          tags: tagsSchema().default({}).describe('Tags of the image and of its snapshots.'),
          candidate: z
            .strictObject({
              family: z.string().min(1).max(60).describe('The family.'),
              release: z
                .string()
                .regex(/^release-[0-9a-f]{12}$/)
                .describe('The run of the pipeline.'),
              nominalAt: z
                .string()
                .regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3})?Z$/, { error: 'expected a time in UTC' })
                .describe('When that run was due, such as 2026-11-25T02:00:00Z.'),
            })
            .optional()
            .describe('Set by a pipeline: marks the image as a candidate of the family from the moment it is made.'),
        })
        .describe('The image to make.'),
      method: z
        .enum(['instance', 'snapshots'])
        .default('instance')
        .describe(
          'instance: imaged while the source is stopped. snapshots: the source is started again as soon as its disks are snapshotted, a shorter down-time.',
        ),
      dataDisks: z
        .union([z.enum(['snapshot', 'include', 'none']), z.array(id('disk', 'disk-1a2b3c4d')).min(1).max(20)], {
          error: 'expected snapshot, include, none, or a list of disk IDs',
        })
        .default('snapshot')
        .describe(
          'snapshot: one snapshot a data disk. include: inside the image. none. Or a list of disks to snapshot.',
        ),
      stopType: z
        .enum(['SOFT_FIRST', 'SOFT', 'HARD'])
        .default('SOFT_FIRST')
        .describe('SOFT: ask the guest only. HARD: cut the power. SOFT_FIRST: ask, then cut.'),
      restartSource: z
        .enum(['when-image-normal', 'when-allowed'])
        .default('when-image-normal')
        .describe(
          'With method instance: start the source again once the image is usable, or as soon as the cloud allows.',
        ),
      sysprep: z.boolean().default(false).describe('Windows, method instance: generalise the image (Sysprep).'),
      launch: launchSettingsSchema()
        .optional()
        .describe('Launch an instance from the image, with disks from the snapshots.'),
      onFailure: z
        .enum(['cleanup', 'hold', 'keep'])
        .default('cleanup')
        .describe(
          'cleanup: undo what was made. hold: wait for somebody to mend it and have the step tried again. keep: leave what was made and list it. The source is started again either way.',
        ),
      notify: webhookSchema()
        .optional()
        .describe("Name of a webhook in the worker's configuration that is told when the build needs somebody."),
      room: roomSchema().prefault({}).describe('Room for one more image in the region.'),
      deadlines: deadlines(),
      roleArn: roleArnSchema()
        .optional()
        .describe("ARN of a CAM role that the worker assumes for this build; the worker's allow list must name it."),
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
    }),
);

/** A spec as people write it: defaults left out, durations as text. */
export type BuildSpecInput = z.input<ReturnType<typeof buildSpecSchema>>;
/** A normalised spec: every default filled in, durations in seconds. */
export type BuildSpec = z.output<ReturnType<typeof buildSpecSchema>>;
export type LaunchSettings = NonNullable<BuildSpec['launch']>;
export type ImageMethod = BuildSpec['method'];
