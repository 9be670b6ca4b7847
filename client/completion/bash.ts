import { branches, flagBranches, keyOf, quoted, verbBranches } from './shell';
import { allVerbs, type CompletionValue, type CompletionVerb } from './tree';

/** The completion script for bash, 3.2 and later. */
export function bashCompletion(root: CompletionVerb): string {
  const all = allVerbs(root);
  const verbs = branches(all, verbBranches);
  const flags = branches(all, (verb) => flagBranches(verb, ({ kind }) => (kind === 'nothing' ? '' : 'flag="$word"')));
  const values = branches(all, (verb) => flagBranches(verb, setting));
  const flagNames = branches(all, (verb) => [[keyOf(verb), words(verb.flags.flatMap(({ names }) => names))]]);
  const next = branches(all, (verb) => [
    [keyOf(verb), words(verb.verbs.map(({ name }) => name)) || setting(verb.argument)],
  ]);
  return `# Completion of cvm-image for bash. In ~/.bashrc: source <(cvm-image completion bash)
_cvm_image() {
  COMPREPLY=()
  local cur="\${COMP_WORDS[COMP_CWORD]}" verb= flag= rest= kind= words= word i
  # What stands before the cursor: the verb, and the flag whose value is being typed. To bash, "=" is a word of its own.
  for ((i = 1; i < COMP_CWORD; i++)); do
    word="\${COMP_WORDS[i]}"
    if [[ $word == = ]]; then
      continue
    elif [[ -n $flag ]]; then
      if [[ \${COMP_WORDS[i + 1]} == = ]]; then rest=1; else flag= rest=; fi
    else
      case "$verb $word" in
${flags}
${verbs}
      esac
    fi
  done
  [[ $cur == = ]] && cur=
  if [[ -n $rest ]]; then
    return
  elif [[ -n $flag ]]; then
    case "$verb $flag" in
${values}
    esac
  elif [[ $cur == -* ]]; then
    case "$verb" in
${flagNames}
    esac
  else
    case "$verb" in
${next}
    esac
  fi
  case "$kind" in
    file)
      local IFS=$'\\n'
      COMPREPLY=($(compgen -f -- "$cur"))
      compopt -o filenames 2>/dev/null
      ;;
    build)
      words="$("\${COMP_WORDS[0]}" completion-builds 2>/dev/null | cut -f1)"
      COMPREPLY=($(compgen -W "$words" -- "$cur"))
      ;;
    *)
      COMPREPLY=($(compgen -W "$words" -- "$cur"))
      [[ $kind == open ]] && compopt -o nospace 2>/dev/null
      ;;
  esac
  return 0
}
complete -F _cvm_image cvm-image
`;
}

/** Code that says what is to be completed; empty when only the user knows. */
function setting(value: CompletionValue): string {
  switch (value.kind) {
    case 'words':
      return `${value.open ? 'kind=open ' : ''}${words(value.words)}`;
    case 'file':
    case 'build':
      return `kind=${value.kind}`;
    default:
      return '';
  }
}

const words = (list: string[]) => (list.length === 0 ? '' : `words=${quoted(list.join(' '))}`);
