import { type Command, Option } from 'commander';
import { stepNames } from '../contract/progress';
import { isAmendable, isRepeatable, specFlags } from './spec-flags';

/** What the verbs for running builds need of the program. */
interface Program {
  aboutOne: (name: string, description: string) => Command;
  collect: (value: string, before?: string[]) => string[];
  finish: (exitCode: number) => void;
}

type Flags = Record<string, never>;

/** What has a deadline. Starting the source again has none. */
const extendable = ['build', 'hold', 'approve', 'room', ...stepNames.filter((name) => name !== 'restoreInstance')];

/** Adds the verbs for a build that runs: retry, pause, resume, extend. */
export function addOperatorVerbs({ aboutOne, collect, finish }: Program): void {
  const retry = aboutOne('retry', 'have the failed step of a held build tried again, and follow it');
  retry.option('--detach', 'ask for it and leave');
  for (const flag of specFlags.filter(isAmendable)) {
    const option = new Option(flag.flags, flag.description);
    if (isRepeatable(flag)) option.argParser(collect);
    retry.addOption(option);
  }
  retry
    .addHelpText('after', '\nWhat is not given stays as it was. --tag replaces all tags of the image.')
    .action(async (id: string, flags: Flags) => finish(await (await import('./commands/control.js')).retry(id, flags)));
  aboutOne('pause', 'pause a build at the next place where its source is up')
    .option('--reason <text>', 'shown while it is paused')
    .action(async (id: string, flags: Flags) => finish(await (await import('./commands/control.js')).pause(id, flags)));
  aboutOne('resume', 'let a paused build go on').action(async (id: string, flags: Flags) =>
    finish(await (await import('./commands/control.js')).resume(id, flags)),
  );
  aboutOne('extend', 'put a deadline of a build off, or that of what waits of a release')
    .requiredOption('--by <duration>', 'how much later: 90s, 45m, 2h')
    .addOption(
      new Option(
        '--of <what>',
        'build (default), hold, room (while it waits for image quota), or a step; of a release: hold, approve or room (default: what waits)',
      ).choices(extendable),
    )
    .action(async (id: string, flags: Flags & { by: never }) =>
      finish(await (await import('./commands/control.js')).extend(id, flags)),
    );
}
