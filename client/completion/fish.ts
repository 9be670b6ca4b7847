import { keyOf } from './shell';
import { allVerbs, type CompletionFlag, type CompletionValue, type CompletionVerb } from './tree';

/** The completion script for fish, 3.0 and later. */
export function fishCompletion(root: CompletionVerb): string {
  const all = allVerbs(root);
  const flags = all.flatMap((verb) => namesWithValue(verb).map((name) => quoted(`${keyOf(verb)} ${name}`)));
  const verbs = all.flatMap((verb) =>
    verb.verbs.map(
      (one) => `            case ${quoted(keyOf(one, verb))}\n                set verb ${quoted(keyOf(one))}`,
    ),
  );
  return `# Completion of cvm-image for fish: cvm-image completion fish > ~/.config/fish/completions/cvm-image.fish

# The verb that stands before the cursor.
function __cvm_image_verb
    set -l verb ''
    set -l skip ''
    for word in (commandline -opc | tail -n +2)
        if test -n "$skip"
            set skip ''
            continue
        end
        switch "$verb $word"
            case ${flags.join(' ')}
                set skip yes
${verbs.join('\n')}
        end
    end
    echo "$verb"
end

function __cvm_image_at
    set -l verb (__cvm_image_verb)
    test "$verb" = "$argv[1]"
end

complete -c cvm-image -f
${all.flatMap(linesOf).join('\n')}
`;
}

function linesOf(verb: CompletionVerb): string[] {
  const at = `complete -c cvm-image -n ${quoted(`__cvm_image_at "${keyOf(verb)}"`)}`;
  return [
    ...verb.verbs.map(({ name, description }) => `${at} -a ${name} -d ${quoted(description)}`),
    ...(verb.argument.kind === 'words' || verb.argument.kind === 'build' ? [`${at} ${valueOf(verb.argument)}`] : []),
    ...verb.flags.map((flag) => `${at} ${flagOf(flag)} -d ${quoted(flag.description)}`),
  ];
}

const namesWithValue = (verb: CompletionVerb) =>
  verb.flags.filter(({ value }) => value.kind !== 'nothing').flatMap(({ names }) => names);

function flagOf({ names, value }: CompletionFlag): string {
  const options = names.map((name) => (name.startsWith('--') ? `-l ${name.slice(2)}` : `-s ${name.slice(1)}`));
  if (value.kind === 'nothing') return options.join(' ');
  if (value.kind === 'file') return `${options.join(' ')} -r -F`;
  return [...options, '-x', valueOf(value)].filter(Boolean).join(' ');
}

function valueOf(value: CompletionValue): string {
  if (value.kind === 'build') return `-k -a '(cvm-image completion-builds 2>/dev/null)'`;
  return value.kind === 'words' ? `-a ${quoted(value.words.join(' '))}` : '';
}

const quoted = (text: string) => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
