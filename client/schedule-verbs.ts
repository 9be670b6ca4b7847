import { type Command, Option } from 'commander';

/** Flags of a verb, as commander hands them over; each verb's file says which it knows. */
type Flags = Record<string, never>;

/** What the verbs of this file need of the program that they become part of. */
interface Program {
  verb: (name: string, description: string) => Command;
  /** Adds the flags of whatever talks to Temporal. */
  talking: (command: Command) => Command;
  finish: (exitCode: number) => void;
}

const collect = (value: string, before: string[] = []) => [...before, value];

/** The verbs of schedules, and those that bring a pipeline's file to Temporal. */
export function addScheduleVerbs({ verb, talking, finish }: Program, pipeline: Command): void {
  const verbs = () => import('./commands/schedule.js');
  const fromFile = (command: Command) =>
    talking(command)
      .requiredOption('-f, --file <file>', 'pipeline in YAML or JSON, - for standard input')
      .option('--task-queue <name>', 'task queue of the workers (default: CVM_IMAGE_TASK_QUEUE, cvm-image-builder)');
  const withTimes = (command: Command) =>
    fromFile(command)
      .option('--cron <times>', 'such as "0 2 * * *"; again for more', collect)
      .addOption(new Option('--every <duration>', 'instead of cron: such as 12h').conflicts('cron'))
      .option('--time-zone <zone>', 'of cron, such as Asia/Shanghai')
      .option('--jitter <duration>', 'start up to so much later')
      .addOption(new Option('--overlap <rule>', 'when it is due while a run is at work').choices(['skip', 'wait']))
      .option('--catch-up <duration>', 'make good what was missed within this')
      .option('--pause-after <n>', 'pause after so many failures in a row')
      .addHelpText('after', '\nFlags override what the file says under schedule.');

  fromFile(
    pipeline.command('apply').description('set up the schedule of a pipeline, or bring it in line with the file'),
  )
    .addHelpText('after', '\nApplying the same file again changes nothing.')
    .action(async (flags: Flags & { file: string }) => finish(await (await verbs()).apply(flags)));
  fromFile(
    pipeline.command('diff').description('say what applying a pipeline would change; ends with 1 if anything'),
  ).action(async (flags: Flags & { file: string }) => finish(await (await verbs()).diff(flags)));

  const schedule = verb('schedule', 'when pipelines run by themselves');
  withTimes(schedule.command('create').description('set up the schedule of a pipeline'))
    .option('--paused', 'begin paused')
    .action(async (flags: Flags & { file: string }) => finish(await (await verbs()).create(flags)));
  withTimes(schedule.command('update').description('change the schedule of a pipeline')).action(
    async (flags: Flags & { file: string }) => finish(await (await verbs()).update(flags)),
  );
  talking(schedule.command('list').description('list schedules: next run, how the last one ended, what is in the way'))
    .option('--region <region>', 'of this region')
    .action(async (flags: Flags) => finish(await (await verbs()).list(flags)));

  const which = '\n<schedule> is golden-image/REGION/PIPELINE, or REGION/PIPELINE.';
  const ofOne = (name: string, description: string) =>
    talking(schedule.command(`${name} <schedule>`).description(description)).addHelpText('after', which);
  ofOne('show', 'show one schedule').action(async (id: string, flags: Flags) =>
    finish(await (await verbs()).show(id, flags)),
  );
  ofOne('pause', 'start nothing by itself until it is resumed; a run at work goes on')
    .option('--note <text>', 'why')
    .action(async (id: string, flags: Flags) => finish(await (await verbs()).pause(id, flags)));
  ofOne('resume', 'go on; failures in a row are counted anew when it had paused itself')
    .option('--note <text>', 'why')
    .action(async (id: string, flags: Flags) => finish(await (await verbs()).resume(id, flags)));
  ofOne('trigger', 'start a run now, and follow it; not while one is at work')
    .option('--detach', 'start it and leave')
    .action(async (id: string, flags: Flags) => finish(await (await verbs()).trigger(id, flags)));
  ofOne('backfill', 'take times that have passed, one run after the other')
    .requiredOption('--from <time>', 'such as 2026-11-20 (midnight in UTC), or 2026-11-20T02:00:00+08:00')
    .requiredOption('--to <time>', 'likewise')
    .action(async (id: string, flags: Flags & { from: string; to: string }) =>
      finish(await (await verbs()).backfill(id, flags)),
    );
  ofOne('delete', 'remove a schedule; a run at work goes on').action(async (id: string, flags: Flags) =>
    finish(await (await verbs()).remove(id, flags)),
  );
}
