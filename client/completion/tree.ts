import type { Argument, Command, Option } from 'commander';
import { specFlags } from '../spec-flags';
import { specJsonSchema } from '../spec-schema';

/** A flag, as a shell can complete it. */
export interface CompletionFlag {
  /** `--method`, and `-V` where there is a short one. */
  names: string[];
  description: string;
  value: CompletionValue;
}

/** What comes after a flag or a verb: nothing, something that only the user knows, a file, a build or release, or one of some words. */
export type CompletionValue =
  | { kind: 'nothing' | 'unknown' | 'file' | 'build' }
  /** `open`: the word goes on, as in `pollImage=`. */
  | { kind: 'words'; words: string[]; open: boolean };

/** A verb with what may follow it. The root is a verb without a name. */
export interface CompletionVerb {
  name: string;
  /** The words that lead to it, such as `image show`; empty for the root. */
  words: string[];
  description: string;
  flags: CompletionFlag[];
  verbs: CompletionVerb[];
  argument: CompletionValue;
}

/** What of the command's own tree is to be completed. Hidden verbs and flags stay hidden. */
export function completionTree(root: Command): CompletionVerb {
  return verbOf(root, []);
}

/** The verb and all below it. */
export const allVerbs = (verb: CompletionVerb): CompletionVerb[] => [verb, ...verb.verbs.flatMap(allVerbs)];

function verbOf(command: Command, words: string[]): CompletionVerb {
  const help = command.createHelp();
  return {
    name: command.name(),
    words,
    description: command.description(),
    flags: help.visibleOptions(command).map(flagOf),
    // Commander adds a verb `help` of its own, which says what `--help` says.
    verbs: help
      .visibleCommands(command)
      .filter((one) => one.name() !== 'help')
      .map((one) => verbOf(one, [...words, one.name()])),
    argument: argumentOf(command.registeredArguments[0]),
  };
}

function flagOf(option: Option): CompletionFlag {
  const names = [option.long, option.short].filter((name) => name !== undefined);
  return { names, description: option.description, value: valueOf(option) };
}

function valueOf({ flags, description, argChoices, required, optional }: Option): CompletionValue {
  if (!required && !optional) return { kind: 'nothing' };
  if (argChoices) return { kind: 'words', words: argChoices, open: false };
  if (flags.endsWith('<file>')) return { kind: 'file' };
  const spec = specFlags.find((one) => one.flags === flags && one.description === description);
  return (spec && wordsAt(spec.path)) ?? { kind: 'unknown' };
}

function argumentOf(argument: Argument | undefined): CompletionValue {
  if (!argument) return { kind: 'nothing' };
  if (argument.argChoices) return { kind: 'words', words: argument.argChoices, open: false };
  return { kind: ['id', 'release'].includes(argument.name()) ? 'build' : 'unknown' };
}

interface Schema {
  enum?: string[];
  anyOf?: Schema[];
  properties?: Record<string, Schema>;
}

/** The words that the spec takes at a path, or the keys of what it takes there; undefined when anything goes. */
function wordsAt(path: string[]): CompletionValue | undefined {
  const root: Schema | undefined = specJsonSchema('build');
  const at = path.reduce<Schema | undefined>((node, key) => node?.properties?.[key], root);
  const words = at?.enum ?? at?.anyOf?.find((one) => one.enum)?.enum;
  if (words) return { kind: 'words', words, open: false };
  if (at?.properties) return { kind: 'words', words: Object.keys(at.properties).map((key) => `${key}=`), open: true };
  return undefined;
}
