import { type Command } from 'commander';

/** Flags of a verb, as commander hands them over; each verb's file says which it knows. */
type Flags = Record<string, never>;

/** What the verbs of this file need of the program that they become part of. */
interface Program {
  verb: (name: string, description: string) => Command;
  /** Adds the flags of whatever talks to Temporal. */
  talking: (command: Command) => Command;
  finish: (exitCode: number) => void;
}

/** The verbs of golden-image pipelines. */
export function addPipelineVerbs({ verb, finish }: Program): void {
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
}
