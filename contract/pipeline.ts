import { duration, heartbeatTimeout } from './duration';
import { once } from './once';
import {
  buildSpecSchema,
  id,
  launchSettingsSchema,
  regionSchema,
  roleArnSchema,
  tagsSchema,
  roomSchema,
  webhookSchema,
} from './spec';
import { amendmentSchema } from './controls';
import { checkDistribution, refuseIdle, remindEveryDefault } from './pipeline-checks';
import { scheduleSchema } from './schedule';
import { checkAgainst, type SpecCheck, type SpecProblem } from './spec-errors';
import { timeZoneSchema } from './time-zone';
import { z } from './zod';

const build = () => buildSpecSchema().shape;

/** Names that become part of workflow IDs and tags. */
const name = () =>
  z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,59}$/, {
    error: 'expected at most 60 letters, digits, dots, dashes and underscores, the first a letter or digit',
  });

/** The placeholders of a release's image name. */
export const releaseNameFields = ['family', 'date', 'seq'] as const;
/** Digits that are kept free for `{seq}`. */
const seqDigits = 3;

/** What a finished name must fit into. */
export const imageNameLimit = 60;

/** The longest name that a template can come to, with room for a three-digit `{seq}`. */
export const longestName = (template: string, family: string) =>
  fillReleaseName(template, { family, date: '20261125', seq: '9'.repeat(seqDigits) });

/** Fills `{family}`, `{date}` (YYYYMMDD) and `{seq}` into the name of a release's image. */
export function fillReleaseName(template: string, values: Record<(typeof releaseNameFields)[number], string>): string {
  const known = new Map<string, string>(Object.entries(values));
  return template.replace(/\{(\w+)\}/g, (whole, field: string) => known.get(field) ?? whole);
}

function checkTemplate(template: string, context: z.RefinementCtx): void {
  const fields = [...template.matchAll(/\{(\w*)\}/g)].map(([, field = '']) => field);
  const known = releaseNameFields.map((one) => `{${one}}`).join(', ');
  for (const field of fields) {
    if ((releaseNameFields as readonly string[]).includes(field)) continue;
    context.addIssue({ code: 'custom', message: `unknown placeholder {${field}}; there are ${known}` });
  }
  if (!fields.includes('seq')) {
    context.addIssue({ code: 'custom', message: 'needs {seq}, which makes each name another one' });
  }
}

const port = () => z.number().int().min(1).max(65_535);
const checkTimeout = () =>
  duration(1).default(300).describe('How long it is tried again before the candidate has failed the test.');

const checkSchema = () =>
  z.union(
    [
      z.strictObject({ tcp: port().describe('The port takes a connection.'), timeout: checkTimeout() }),
      z.strictObject({
        http: z
          .strictObject({
            port: port().default(80).describe('The port.'),
            path: z
              .string()
              .regex(/^\/\S*$/, { error: 'expected a path such as /health' })
              .default('/')
              .describe('Path and query of the request.'),
            status: z.number().int().min(100).max(599).default(200).describe('The status that is expected.'),
            text: z.string().min(1).optional().describe('Text that the answer must hold.'),
          })
          .describe('What the guest answers to GET.'),
        timeout: checkTimeout(),
      }),
    ],
    { error: 'expected tcp: PORT, or http: {port, path, status, text}' },
  );

const testSchema = () =>
  z
    .strictObject({
      launch: launchSettingsSchema().describe(
        'The throw-away instance: as launch in a build. Its data disks are new ones, from the snapshots.',
      ),
      settle: duration(0).default(60).describe('How long it must stay RUNNING before the checks count.'),
      address: z
        .enum(['private', 'public'])
        .default('private')
        .describe('Which of its addresses the worker checks. public needs launch.publicBandwidth.'),
      checks: z.array(checkSchema()).max(20).default([]).describe('What must answer, asked by the worker.'),
    })
    .describe('Launch a throw-away instance from the candidate and check it. Left out: no test.');

/** What of a family is to be deleted. */
export const retireSchema = once(() =>
  z.strictObject({
    keep: z
      .number()
      .int()
      .min(1)
      .max(1000)
      .optional()
      .describe('Releases that stay in every region, the newest ones. Left out: all stay.'),
    youngerThan: duration(0).default(0).describe('Releases younger than this stay as well. Goes with keep.'),
    keepRejected: duration(0)
      .default(86_400)
      .describe('How long a candidate that was rejected, or of a run that failed, is kept.'),
  }),
);

const deadlines = () =>
  z
    .strictObject({
      findSource: duration(1).default(600).describe('Finding the source, and naming the image.'),
      joinBuild: duration(1)
        .default(86_400)
        .describe('Waiting for a build of the same source that is at work already.'),
      launchTest: duration(1).default(1800).describe('Launching the instance of the test, until it runs.'),
      promote: duration(1).default(1800).describe('Making the image the current one of its family.'),
      distribute: duration(1).default(10_800).describe('Copying to one region, or sharing there.'),
      retire: duration(1).default(7200).describe('Deleting what is to be retired.'),
      undo: duration(1)
        .default(86_400)
        .describe("How long it is tried to terminate the test's instance before it is listed as left over."),
      hold: duration(1)
        .default(7 * 86_400)
        .describe('How long a run is held (onFailure: hold) for somebody to mend it; then it fails.'),
      heartbeat: heartbeatTimeout(),
    })
    .prefault({})
    .describe('Seconds, or text such as 90s, 45m, 2h, 7d. Those of the build are in build.deadlines.');

/** What a pipeline is. The descriptions are those of the JSON schema; docs/pipelines.md tells the whole story. */
export const pipelineSchema = once(() =>
  z
    .strictObject({
      name: name().optional().describe('Name of the pipeline in its region. Default: the family.'),
      region: regionSchema().describe('Region of the source instance, such as ap-guangzhou.'),
      family: name().describe("The image family that the releases belong to; also the cloud's own ImageFamily."),
      source: z
        .union(
          [
            z.strictObject({ instanceId: id('ins', 'ins-1a2b3c4d').describe('The instance.') }),
            z.strictObject({
              tag: z
                .strictObject({
                  key: z.string().min(1).max(127).describe('Key of the tag.'),
                  value: z.string().max(255).describe('Value of the tag.'),
                })
                .describe('Exactly one instance of the region must carry this tag when a run begins.'),
            }),
          ],
          { error: 'expected instanceId: ins-…, or tag: {key, value}' },
        )
        .describe('The instance that the images are made from.'),
      image: z
        .strictObject({
          name: z
            .string()
            .min(1)
            .superRefine(checkTemplate)
            .default('{family}-{date}-{seq}')
            .describe(
              'Name of each image: at most 60 characters once {family}, {date} and {seq} are filled in. {seq} counts up within family and date.',
            ),
          timeZone: timeZoneSchema().default('UTC').describe('Time zone of {date}, such as Asia/Shanghai.'),
          description: z.string().max(256).optional().describe('Description of each image.'),
          tags: tagsSchema().default({}).describe('Tags of each image and of its snapshots.'),
        })
        .prefault({})
        .describe('The images to make.'),
      build: z
        .strictObject({
          method: build().method,
          dataDisks: build().dataDisks,
          stopType: build().stopType,
          restartSource: build().restartSource,
          sysprep: build().sysprep,
          deadlines: build().deadlines,
        })
        .prefault({})
        .describe('How the image is built: as in the spec of a build.'),
      room: roomSchema()
        .prefault({})
        .describe('Room for one more image, in the region of the pipeline and in those that it is distributed to.'),
      test: testSchema().optional(),
      approve: z
        .strictObject({
          deadline: duration(1)
            .default(7 * 86_400)
            .describe('A candidate that nobody has approved by then is rejected.'),
          remindEvery: duration(60)
            .default(remindEveryDefault)
            .describe('With notify: how often it is said again meanwhile.'),
        })
        .optional()
        .describe('Wait for somebody to approve the candidate. Left out: no approval.'),
      distribute: z
        .strictObject({
          regions: z.array(regionSchema()).max(50).default([]).describe('Regions that each release is copied to.'),
          accounts: z
            .array(z.string().regex(/^\d{5,20}$/, { error: 'expected the UIN of a root account, as text' }))
            .max(500)
            .default([])
            .describe('Root accounts that each release is shared with; many accounts may share with 50 only.'),
          snapshots: z.boolean().default(true).describe('Copy the snapshots of the data disks to the regions, too.'),
        })
        .optional()
        .describe('Regions and accounts that get each release.'),
      retire: retireSchema()
        .prefault({})
        .describe('What becomes of old images. The current one, the one before it, and what is in use always stay.'),
      skipUnchanged: z
        .boolean()
        .default(false)
        .describe(
          'End without a build when nothing that the API can tell has changed on the source since the last release.',
        ),
      schedule: scheduleSchema().optional().describe('When it runs by itself: what cvm-image pipeline apply sets up.'),
      onFailure: z
        .enum(['hold', 'fail'])
        .default('hold')
        .describe(
          'When a stage is refused. hold: wait for somebody to mend it and have that stage tried again. fail: end.',
        ),
      notify: webhookSchema()
        .optional()
        .describe("Name of a webhook in the worker's configuration that is told of waiting, success and failure."),
      deadlines: deadlines(),
      roleArn: roleArnSchema()
        .optional()
        .describe("ARN of a CAM role that the worker assumes; the worker's allow list must name it."),
    })
    .superRefine((pipeline, context) => {
      const { region, family, image, build, test, retire } = pipeline;
      const refuse = (path: (string | number)[], message: string) =>
        context.addIssue({ code: 'custom', path, message });
      const longest = longestName(image.name, family);
      if (longest.length > imageNameLimit) {
        refuse(['image', 'name'], `comes to ${longest.length} characters (${longest}); ${imageNameLimit} are allowed`);
      }
      if (build.sysprep && build.method !== 'instance') refuse(['build', 'sysprep'], 'only with method: instance');
      if (build.restartSource === 'when-allowed' && build.method !== 'instance') {
        refuse(['build', 'restartSource'], 'only with method: instance (method: snapshots always restarts early)');
      }
      if (test && !test.launch.zone.startsWith(`${region}-`))
        refuse(['test', 'launch', 'zone'], `not a zone of ${region}`);
      if (test?.address === 'public' && test.launch.publicBandwidth === 0) {
        refuse(['test', 'address'], 'public needs launch.publicBandwidth: without it there is no public address');
      }
      if (retire.keep === undefined && retire.youngerThan > 0) refuse(['retire', 'youngerThan'], 'goes with keep');
      refuseIdle(pipeline, refuse);
      checkDistribution(pipeline, refuse);
    }),
);

/** A pipeline as people write it: defaults left out, durations as text. */
export type PipelineInput = z.input<ReturnType<typeof pipelineSchema>>;
/** A normalised pipeline: every default filled in, durations in seconds. */
export type Pipeline = z.output<ReturnType<typeof pipelineSchema>>;
export type GuestCheck = NonNullable<Pipeline['test']>['checks'][number];

/** Checks and normalises a pipeline; answers every problem at once. Never throws. */
export function checkPipeline(input: unknown): SpecCheck<Pipeline> {
  return checkAgainst(pipelineSchema(), input);
}

/** Its name, which is the family's unless it has one of its own. */
export const pipelineName = ({ name, family }: Pick<Pipeline, 'name' | 'family'>) => name ?? family;

/**
 * The pipeline with an amendment applied, for the rest of one run, checked like any pipeline. Never throws.
 *
 * @param built whether the image is there already, so that only the launch of the test can still be changed
 */
export function amendPipeline(pipeline: Pipeline, amendment: unknown, built: boolean): SpecCheck<Pipeline> {
  const check = checkAgainst(amendmentSchema(), amendment ?? {});
  if (!check.ok) return check;
  const { launch, ...image } = check.spec;
  const problems: SpecProblem[] = [];
  if (built) {
    for (const key of Object.keys(image)) {
      problems.push({ path: key, message: 'the image is made already; only launch can be amended' });
    }
  }
  if (launch && !pipeline.test) problems.push({ path: 'launch', message: 'this pipeline launches nothing' });
  if (problems.length > 0) return { ok: false, problems };
  const { test } = pipeline;
  return checkPipeline({
    ...pipeline,
    image: { ...pipeline.image, ...image },
    ...(launch && test ? { test: { ...test, launch: { ...test.launch, ...launch } } } : {}),
  });
}
