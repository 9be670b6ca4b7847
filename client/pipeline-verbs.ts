import { type Command } from 'commander';
import { addScheduleVerbs } from './schedule-verbs';

/** Flags of a verb, as commander hands them over; each verb's file says which it knows. */
type Flags = Record<string, never>;

/** What the verbs of this file need of the program that they become part of. */
interface Program {
  verb: (name: string, description: string) => Command;
  /** Adds the flags of whatever talks to Temporal. */
  talking: (command: Command) => Command;
  positiveInteger: (text: string) => number;
  finish: (exitCode: number) => void;
}

/** The verbs of golden-image pipelines. */
export function addPipelineVerbs({ verb, talking, positiveInteger, finish }: Program): void {
  const pipeline = verb('pipeline', 'golden-image pipelines: the releases of an image family');
  const ofFile = (name: string, description: string) =>
    pipeline
      .command(name)
      .description(description)
      .requiredOption('-f, --file <file>', 'pipeline in YAML or JSON, - for standard input');

  ofFile('validate', 'say what is wrong with a pipeline, without Temporal and cloud')
    .option('--json', 'write the pipeline with all defaults as JSON')
    .action(async (flags: Flags & { file: string }) =>
      finish((await import('./commands/pipeline.js')).validate(flags)),
    );

  const queued = (command: Command) =>
    talking(command).option(
      '--task-queue <name>',
      'task queue of the workers (default: CVM_IMAGE_TASK_QUEUE, cvm-image-builder)',
    );
  queued(ofFile('run', 'make the next release, and follow it'))
    .option('--by <name>', 'who asks for it (default: your user name)')
    .option('--force', 'also when nothing has changed on the source (skipUnchanged)')
    .option('--detach', 'start it and leave')
    .action(async (flags: Flags & { file: string }) =>
      finish(await (await import('./commands/pipeline.js')).run(flags)),
    );

  addScheduleVerbs({ verb, talking, finish }, pipeline);

  const whichRelease = '\n<release> is a workflow ID (golden-image/REGION/PIPELINE) or a release ID.';
  const decision = (name: string, description: string) =>
    talking(verb(`${name} <release>`, description))
      .option('--by <name>', 'who decides (default: your user name)')
      .addHelpText('after', whichRelease);
  decision('approve', 'approve the candidate that waits, and follow the release')
    .option('--reason <text>', 'why')
    .option('--detach', 'say so and leave')
    .action(async (id: string, flags: Flags) =>
      finish(await (await import('./commands/release.js')).approve(id, flags)),
    );
  decision('reject', 'reject the candidate that waits; it is deleted after a while')
    .requiredOption('--reason <text>', 'why')
    .action(async (id: string, flags: Flags) =>
      finish(await (await import('./commands/release.js')).reject(id, flags)),
    );

  const release = verb('release', 'releases: the runs of pipelines, and what came of them');
  talking(release.command('list').description('list the runs of pipelines, with how each came out'))
    .option('--limit <n>', 'at most so many', positiveInteger, 20)
    .option('--region <region>', 'of this region')
    .option('--family <name>', 'of this image family')
    .action(async (flags: Flags & { limit: number }) =>
      finish(await (await import('./commands/release.js')).listRuns(flags)),
    );
  talking(release.command('show <release>').description('show the manifest of a release'))
    .addHelpText('after', whichRelease)
    .action(async (id: string, flags: Flags) =>
      finish(await (await import('./commands/release.js')).showRelease(id, flags)),
    );

  const inRegion = (command: Command) =>
    queued(command)
      .requiredOption('--region <region>', 'region of the images')
      .option('--role-arn <arn>', 'CAM role that the worker assumes for it');
  const family = verb('family', 'image families: what is current, what was before');
  inRegion(family.command('list').description('list the families of a region')).action(
    async (flags: { region: string }) => finish(await (await import('./commands/family.js')).listFamilies(flags)),
  );
  inRegion(family.command('show <family>').description('list the images of a family, with what became of each')).action(
    async (name: string, flags: { region: string }) =>
      finish(await (await import('./commands/family.js')).showFamily(name, flags)),
  );
  inRegion(family.command('current <family>').description('print the ID of the current image')).action(
    async (name: string, flags: { region: string }) =>
      finish(await (await import('./commands/family.js')).current(name, flags)),
  );
  inRegion(family.command('rollback <family>').description('make the image current again that was so before'))
    .option('--to <image>', 'this image of the family: an image ID or an exact name')
    .option(
      '--from <image>',
      'only if this one is the current one; withdrawn already is success (default: the one that is current now)',
    )
    .option('--by <name>', 'who asks for it (default: your user name)')
    .option('--reason <text>', 'why')
    .action(async (name: string, flags: { region: string }) =>
      finish(await (await import('./commands/family.js')).rollback(name, flags)),
    );
  inRegion(
    family.command('retire <family>').description('delete old images of a family; says what goes and why, and asks'),
  )
    .option('-f, --file <file>', 'the rules of this pipeline (retire); flags override them')
    .option('--keep <n>', 'releases that stay, the newest ones (default: all)')
    .option('--younger-than <duration>', 'releases younger than this stay as well: 14d, 12h')
    .option('--keep-rejected <duration>', 'candidates that did not make it stay for so long (default: 24h)')
    .option('--dry-run', 'only say what would go, what would stay, and why')
    .option('--yes', 'do not ask')
    .action(async (name: string, flags: { region: string }) =>
      finish(await (await import('./commands/retire.js')).retire(name, flags)),
    );
  inRegion(verb('current <family>', 'print the ID of the current image of a family, for scripts')).action(
    async (name: string, flags: { region: string }) =>
      finish(await (await import('./commands/family.js')).current(name, flags)),
  );
}
