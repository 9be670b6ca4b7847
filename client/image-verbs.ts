import { type Command, Option } from 'commander';
import { launchFlags } from './launch-flags';
import { isRepeatable } from './spec-flags';

/** Flags of a verb, as commander hands them over; each verb's file says which it knows. */
type Flags = Record<string, never>;

/** What the verbs of this file need of the program that they become part of. */
interface Program {
  verb: (name: string, description: string) => Command;
  /** Adds the flags of whatever talks to Temporal. */
  talking: (command: Command) => Command;
  collect: (value: string, before?: string[]) => string[];
  positiveInteger: (text: string) => number;
  finish: (exitCode: number) => void;
}

const whichImage = '\n<image> is an image ID, an exact name, or family:NAME for the newest image of a family.';

/** The verbs about what exists already: `launch`, `launches`, `images`, `image show`, `delete`, `sweep`. */
export function addImageVerbs({ verb, talking, collect, positiveInteger, finish }: Program): void {
  const queued = (command: Command) =>
    talking(command).option(
      '--task-queue <name>',
      'task queue of the workers (default: CVM_IMAGE_TASK_QUEUE, cvm-image-builder)',
    );
  const inRegion = (command: Command, about = 'region of the images') =>
    queued(command)
      .requiredOption('--region <region>', about)
      .option('--role-arn <arn>', 'CAM role that the worker assumes for it');

  const launch = queued(verb('launch [image]', 'launch an instance from an image, and follow the launch'))
    .option('--spec <file>', 'spec in YAML or JSON, - for standard input; flags override its fields')
    .option('--detach', 'start it and leave');
  for (const flag of launchFlags) {
    const option = new Option(flag.flags, flag.description);
    if (isRepeatable(flag)) option.argParser(collect);
    launch.addOption(option);
  }
  launch
    .addHelpText('after', `${whichImage}\nTags, deadlines, security groups and keys may be given more than once.`)
    .action(async (image: string | undefined, flags: Flags) =>
      finish(await (await import('./commands/launch.js')).launch(image, flags)),
    );

  talking(verb('launches', 'list open launches and those that ended within a week'))
    .option('--all', 'all that Temporal knows')
    .option('--limit <n>', 'at most so many', positiveInteger, 20)
    .option('--region <region>', 'of this region')
    .action(async (flags: { limit: number }) => finish(await (await import('./commands/launches.js')).launches(flags)));

  inRegion(verb('images', 'list the custom images of a region, with the build that made each'))
    .option('--family <name>', 'of this image family')
    .option('--no-shares', 'do not ask whom each is shared with: quicker where there are many')
    .action(async (flags: { region: string }) => finish(await (await import('./commands/images.js')).images(flags)));

  const image = verb('image', 'show one image');
  inRegion(image.command('show <image>').description('show where an image comes from, what belongs to it, who uses it'))
    .addHelpText('after', whichImage)
    .action(async (id: string, flags: { region: string }) =>
      finish(await (await import('./commands/image.js')).showImage(id, flags)),
    );

  inRegion(verb('delete <image>', 'delete an image that a build made, with its snapshots; asks first'))
    .option('--yes', 'do not ask')
    .option('--detach', 'start it and leave')
    .addHelpText(
      'after',
      '\n<image> is an image ID or an exact name. What is in use, shared, still being built or not made by this installation is refused.',
    )
    .action(async (id: string, flags: { region: string }) =>
      finish(await (await import('./commands/delete.js')).deleteImage(id, flags)),
    );

  inRegion(
    verb('sweep', 'list what builds left that did not live to their end; with --apply put it right'),
    'region to sweep',
  )
    .addOption(new Option('--apply', 'start the sources that are owed a start, and delete what is left over'))
    .addOption(
      new Option('--every <duration>', 'have Temporal do so again and again: 1h, 30m; off: no longer').conflicts(
        'apply',
      ),
    )
    .option('--grace <duration>', 'leave alone what has been over for less (default: 1h)')
    .action(async (flags: { region: string }) => finish(await (await import('./commands/sweep.js')).sweep(flags)));
}
