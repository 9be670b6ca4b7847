#!/usr/bin/env node
/**
 * The command `cvm-image`. Only commander is loaded here, so that help answers at once; each verb's file brings what the
 * verb needs.
 */
import { Argument, Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import type { Shell } from './commands/completion';
import { exitCodeHelp, exitCodes } from './exit-codes';
import { addImageVerbs } from './image-verbs';
import { addOperatorVerbs } from './operator-verbs';
import { addPipelineVerbs } from './pipeline-verbs';
import { isRepeatable, specFlags } from './spec-flags';
import type { SpecKind } from './spec-schema';

/** Flags of a verb, as commander hands them over; each verb's file says which it knows. */
type Flags = Record<string, never>;

const collect = (value: string, before: string[] = []) => [...before, value];

function program(finish: (exitCode: number) => void): Command {
  const root = new Command('cvm-image')
    .description('Golden images of Tencent Cloud CVM instances, built by durable workflows on Temporal.')
    .version(version(), '-V, --version')
    .showSuggestionAfterError()
    .showHelpAfterError('(cvm-image --help shows the verbs and flags)')
    .addHelpText('after', exitCodeHelp)
    .enablePositionalOptions()
    .exitOverride();

  const verb = (name: string, description: string) => root.command(name).description(description);
  const talking = (command: Command) =>
    command
      .option('--json', 'write JSON (docs/cli.md)')
      .option('--address <host:port>', 'Temporal (default: TEMPORAL_ADDRESS, profile, localhost:7233)')
      .option('--namespace <name>', 'Temporal namespace (default: TEMPORAL_NAMESPACE, profile, default)')
      .option('--ui-url <url>', 'Temporal Web UI (default: TEMPORAL_UI_URL)')
      .addOption(new Option('--debug').hideHelp());
  const aboutOne = (name: string, description: string) =>
    talking(verb(`${name} <id>`, description))
      .option('--region <region>', 'region, when <id> is an instance ID that exists in several')
      .addHelpText(
        'after',
        '\n<id> is a workflow ID, a build ID, or the ID of the source instance (its latest build).',
      );

  const build = talking(verb('build', 'build an image of an instance, and follow the build'))
    .option('--spec <file>', 'spec in YAML or JSON, - for standard input; flags override its fields')
    .option('--detach', 'start it and leave')
    .addOption(
      new Option(
        '--plan',
        'start nothing: say what it would do, how long the source would be down, what is in the way',
      ).conflicts('detach'),
    )
    .option('--task-queue <name>', 'task queue of the workers (default: CVM_IMAGE_TASK_QUEUE, cvm-image-builder)');
  for (const flag of specFlags) {
    const option = new Option(flag.flags, flag.description);
    if (isRepeatable(flag)) option.argParser(collect);
    build.addOption(option);
  }
  build
    .addHelpText('after', '\nTags, deadlines, security groups and keys may be given more than once.')
    .action(async (flags: Flags) => finish(await (await import('./commands/build.js')).build(flags)));

  talking(verb('list', 'list open builds and releases, and those that ended within a week'))
    .option('--all', 'all that Temporal knows')
    .option('--held', 'only those that are held for somebody to mend, with the step or stage')
    .addOption(new Option('--waiting', 'instead: the releases whose candidate waits for an approval').conflicts('held'))
    .option('--limit <n>', 'at most so many', positiveInteger, 20)
    .option('--region <region>', 'of this region')
    .option('--family <name>', 'of this image family')
    .option('--instance <id>', 'of this source instance')
    .action(async (flags: { limit: number }) => finish(await (await import('./commands/list.js')).list(flags)));
  aboutOne('show', 'show everything about a build').action(async (id: string, flags: Flags) =>
    finish(await (await import('./commands/show.js')).show(id, flags)),
  );
  aboutOne('watch', 'follow a build until its end; Ctrl-C leaves, the build goes on').action(
    async (id: string, flags: Flags) => finish(await (await import('./commands/watch.js')).watch(id, flags)),
  );
  aboutOne('cancel', 'ask a build to stop, and to undo what it made')
    .option('--wait', 'follow it until it has; then 0 means cancelled')
    .action(async (id: string, flags: Flags) => finish(await (await import('./commands/cancel.js')).cancel(id, flags)));
  aboutOne('open', 'print the address of a build in the Temporal Web UI').action(async (id: string, flags: Flags) =>
    finish(await (await import('./commands/open.js')).open(id, flags)),
  );

  verb('schema', 'print the JSON schema of a spec, for editors')
    .addArgument(
      new Argument('[spec]', 'of a build (default), of a launch or of a pipeline').choices([
        'build',
        'launch',
        'pipeline',
      ]),
    )
    .action(async (kind?: SpecKind) => finish((await import('./commands/schema.js')).schema(kind)));

  verb('completion', 'print the completion script for a shell')
    .addArgument(new Argument('<shell>').choices(['bash', 'zsh', 'fish']))
    .addHelpText(
      'after',
      `\nbash: source <(cvm-image completion bash)   in ~/.bashrc
zsh:  source <(cvm-image completion zsh)    in ~/.zshrc, after compinit
fish: cvm-image completion fish > ~/.config/fish/completions/cvm-image.fish`,
    )
    .action(async (shell: Shell) => finish((await import('./commands/completion.js')).completion(shell, root)));
  root
    .command('completion-builds', { hidden: true })
    .action(async () => finish(await (await import('./commands/completion.js')).completionBuilds()));
  addOperatorVerbs({ aboutOne, collect, finish });
  addImageVerbs({ verb, talking, collect, positiveInteger, finish });
  addPipelineVerbs({ verb, talking, positiveInteger, finish });

  talking(verb('doctor', 'check Temporal, the worker and its access to the cloud, and say what to do'))
    .option('--fix', 'register the search attributes that are missing')
    .option('--region <region>', 'region that the worker is to look at (default: the first that it allows)')
    .option('--task-queue <name>', 'task queue of the workers (default: CVM_IMAGE_TASK_QUEUE, cvm-image-builder)')
    .action(async (flags: Flags) => finish(await (await import('./commands/doctor.js')).doctor(flags, version())));

  for (const [name, description] of [
    ['worker', 'run a worker (needs cloud credentials)'],
    ['dev', 'run a local stack: Temporal, simulated cloud, worker'],
  ] as const) {
    verb(`${name} [args...]`, description)
      .allowUnknownOption()
      .passThroughOptions()
      .helpOption(false)
      .action(async (args: string[]) => finish(await (await import('./commands/program.js')).runProgram(name, args)));
  }
  return root;
}

function version(): string {
  // eslint-disable-next-line @typescript-eslint/no-require-imports -- outside of what tsc compiles
  return (require('../../package.json') as { version: string }).version;
}

function positiveInteger(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1 || value > 10_000) throw new InvalidArgumentError('Expected 1 to 10000.');
  return value;
}

async function main(): Promise<number> {
  let exitCode: number = exitCodes.done;
  try {
    await program((code) => (exitCode = code)).parseAsync();
    return exitCode;
  } catch (error) {
    // Commander has said what was wrong, or has shown help or version.
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.done : exitCodes.wrongUse;
    const { reportError } = await import('./output/report-error.js');
    return reportError(error, process.argv);
  }
}

// A reader that has seen enough (`| head`) is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));

void main().then((exitCode) => {
  // Calls that were given up, such as a look at a lost server, do not hold the process.
  process.stdout.write('', () => process.exit(exitCode));
});
