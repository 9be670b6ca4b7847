import type { CompletionValue, CompletionVerb } from './tree';

/** What the scripts of bash and zsh have in common. */

/** The words of a verb as its script knows it; with `parent`, as it is reached from there (the root's key is empty). */
export const keyOf = (verb: CompletionVerb, parent?: CompletionVerb) =>
  parent ? `${parent.words.join(' ')} ${verb.name}` : verb.words.join(' ');

/** A text as one word of a shell. */
export const quoted = (text: string) => `'${text.replaceAll("'", `'\\''`)}'`;

/** A branch of a `case`: what it matches, and its code. */
export type Branch = [pattern: string, code: string];

/** The branches of a `case`, those of the same code in one; those without code are left out. */
export function branches(verbs: CompletionVerb[], branchesOf: (verb: CompletionVerb) => Branch[]): string {
  const patterns = new Map<string, string[]>();
  for (const [pattern, code] of verbs.flatMap(branchesOf)) {
    if (code !== '') patterns.set(code, [...(patterns.get(code) ?? []), quoted(pattern)]);
  }
  return [...patterns].map(([code, some]) => `      ${some.join(' | ')}) ${code} ;;`).join('\n');
}

/** A branch for each name of each flag. */
export const flagBranches = (verb: CompletionVerb, codeOf: (value: CompletionValue) => string): Branch[] =>
  verb.flags.flatMap(({ names, value }) => names.map((name): Branch => [`${keyOf(verb)} ${name}`, codeOf(value)]));

/** A branch for each verb below a verb. */
export const verbBranches = (verb: CompletionVerb): Branch[] =>
  verb.verbs.map((one): Branch => [keyOf(one, verb), `verb=${quoted(keyOf(one))}`]);
