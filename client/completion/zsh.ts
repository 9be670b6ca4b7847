import { branches, flagBranches, keyOf, quoted, verbBranches } from './shell';
import { allVerbs, type CompletionValue, type CompletionVerb } from './tree';

/** The completion script for zsh: sourced after compinit, or as the file _cvm-image in a folder of fpath. */
export function zshCompletion(root: CompletionVerb): string {
  const all = allVerbs(root);
  const verbs = branches(all, verbBranches);
  const flags = branches(all, (verb) => flagBranches(verb, ({ kind }) => (kind === 'nothing' ? '' : 'flag="$word"')));
  const values = branches(all, (verb) => flagBranches(verb, adding));
  const flagNames = branches(all, (verb) => [[keyOf(verb), describing('-o flag', flagsOf(verb))]]);
  const next = branches(all, (verb) => [[keyOf(verb), describing('verb', verb.verbs) || adding(verb.argument)]]);
  return `#compdef cvm-image
# Completion of cvm-image for zsh. In ~/.zshrc, after compinit: source <(cvm-image completion zsh)
_cvm_image() {
  local cur="$words[CURRENT]" verb= flag= word
  local -a found
  # What stands before the cursor: the verb, and the flag whose value is being typed.
  for word in "\${(@)words[2,CURRENT-1]}"; do
    if [[ -n $flag ]]; then
      flag=
    else
      case "$verb $word" in
${flags}
${verbs}
      esac
    fi
  done
  if [[ -z $flag && $cur == --*=* ]]; then
    flag="\${cur%%=*}"
    compset -P 1 '*='
  fi
  if [[ -n $flag ]]; then
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
}
_cvm_image_builds() {
  local -a found
  found=("\${(@f)$($words[1] completion-builds 2>/dev/null)}")
  found=("\${(@)found/$'\\t'/:}")
  _describe -V build found
}
if [[ "$funcstack[1]" == _cvm-image ]]; then
  _cvm_image
else
  compdef _cvm_image cvm-image
fi
`;
}

/** Code that adds what is to be completed; empty when only the user knows. */
function adding(value: CompletionValue): string {
  switch (value.kind) {
    case 'words':
      return `compadd ${value.open ? "-S '' " : ''}-- ${value.words.map(quoted).join(' ')}`;
    case 'file':
      return '_files';
    case 'build':
      return '_cvm_image_builds';
    default:
      return '';
  }
}

interface Described {
  name: string;
  description: string;
}

const flagsOf = ({ flags }: CompletionVerb): Described[] =>
  flags.flatMap(({ names, description }) => names.map((name) => ({ name, description })));

function describing(what: string, some: Described[]): string {
  if (some.length === 0) return '';
  const list = some.map(({ name, description }) => quoted(`${name}:${description}`));
  return `found=(${list.join(' ')}); _describe ${what} found`;
}
