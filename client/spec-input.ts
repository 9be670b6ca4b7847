import { readFileSync } from 'node:fs';
import { LineCounter, parseDocument } from 'yaml';
import {
  type Amendment,
  type BuildSpecInput,
  checkLaunchSpec,
  checkPipeline,
  checkSpec,
  formatProblems,
  type LaunchSpecInput,
  type PipelineInput,
  type SpecCheck,
  type SpecProblem,
} from '../contract';
import { ClientError, SpecError } from './errors';
import { launchFlags } from './launch-flags';
import { flagKey, flagName, isAmendable, type SpecFlag, specFlags } from './spec-flags';

/** Values of flags as commander gives them. */
export type FlagValues = Record<string, unknown>;

type Tree = Record<string, unknown>;

/**
 * The spec out of a file (YAML or JSON, `-`: standard input), flags, or both: flags override the file's fields.
 *
 * @throws {SpecError} with every problem, each with the file and path or the flag that it came from
 */
export function loadSpec(file: string | undefined, values: FlagValues): BuildSpecInput {
  const question =
    'What to build? Name a spec with --spec FILE, or give at least --region, --instance and --image-name.';
  return load({ file, values, flags: specFlags, base: { image: {} }, check: checkSpec, question }) as BuildSpecInput;
}

/**
 * The spec of a launch out of a file, flags, or both: flags override the file's fields, and so does the image.
 *
 * @param image what stands on the command line, if anything
 * @throws {SpecError} with every problem, each with the file and path or the flag that it came from
 */
export function loadLaunchSpec(
  image: string | undefined,
  file: string | undefined,
  values: FlagValues,
): LaunchSpecInput {
  const question = 'Which image? cvm-image launch IMAGE --region REGION --zone ZONE, or a spec with --spec FILE.';
  const flags = image === undefined ? launchFlags : [imageArgument, ...launchFlags];
  const all = { ...values, image };
  return load({ file, values: all, flags, base: { launch: {} }, check: checkLaunchSpec, question }) as LaunchSpecInput;
}

/**
 * A pipeline out of its file.
 *
 * @throws {SpecError} with every problem, each with the file and path
 */
export function loadPipeline(file: string): PipelineInput {
  const source = { file, values: {}, flags: [], base: {}, check: checkPipeline, question: '' };
  return load(source) as unknown as PipelineInput;
}

/** Not a flag, but given on the command line all the same. */
const imageArgument: SpecFlag = { flags: 'image', path: ['image'], description: 'the image' };

/** What a spec is put together from. */
interface Source {
  file: string | undefined;
  values: FlagValues;
  flags: SpecFlag[];
  /** What is there when there is no file. */
  base: Tree;
  check: (spec: unknown) => SpecCheck<unknown>;
  /** Asked when there is neither file nor flag. */
  question: string;
}

function load({ file, values, flags, base, check: checkTree, question }: Source): Tree {
  const given = flags.filter((flag) => wasGiven(flag, values));
  if (file === undefined && given.length === 0) throw new ClientError(question);
  const fromFile = file === undefined ? {} : readSpecFile(file);
  if (!isTree(fromFile)) {
    throw new ClientError(`${label(file)}: a spec is a mapping of fields, such as "region: ap-guangzhou"`);
  }
  // With flags alone, what is missing is told field by field.
  const spec: Tree = structuredClone(file === undefined ? base : fromFile);
  for (const flag of given) put(spec, flag.path, valueOf(flag, values[flagKey(flag)]));
  const check = checkTree(spec);
  if (!check.ok) throw new SpecError(check.problems, describeProblems(check.problems, file, given, flags));
  return spec;
}

/** What a retry is to change, out of flags. */
export function amendmentOf(values: FlagValues): Amendment {
  const amendment: Tree = {};
  for (const flag of specFlags.filter((one) => isAmendable(one) && wasGiven(one, values))) {
    // The image's own fields stand at the top of an amendment.
    const path = flag.path[0] === 'image' ? flag.path.slice(1) : flag.path;
    put(amendment, path, valueOf(flag, values[flagKey(flag)]));
  }
  return amendment;
}

const wasGiven = (flag: SpecFlag, values: FlagValues) => {
  const value = values[flagKey(flag)];
  // `--no-x` makes commander answer true for x where it is absent.
  return flag.kind === 'off' ? value === false : value !== undefined;
};

function readSpecFile(file: string): unknown {
  const text = readText(file, 'spec');
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  if (document.errors.length > 0) {
    const problems = document.errors.map(({ pos, message }) => {
      const { line, col } = lines.linePos(pos[0]);
      return `${label(file)}:${line}:${col}: ${message}`;
    });
    throw new ClientError(problems.join('\n'));
  }
  try {
    return document.toJS() ?? {};
  } catch (error) {
    throw new ClientError(`${label(file)}: ${(error as Error).message}`);
  }
}

function readText(file: string, what: string): string {
  try {
    return readFileSync(file === '-' ? 0 : file, 'utf8');
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const why =
      { ENOENT: 'there is no such file', EISDIR: 'it is a directory', EACCES: 'permission denied' }[code ?? ''] ??
      message;
    throw new ClientError(`The ${what} ${label(file)} cannot be read: ${why}`);
  }
}

const label = (file: string | undefined) => (file === '-' ? 'standard input' : (file ?? 'spec'));

function valueOf(flag: SpecFlag, value: unknown): unknown {
  switch (flag.kind) {
    case 'number':
      // What is no number goes on as it is: the check says so, with what was found.
      return /^\d+$/.test(String(value)) ? Number(value) : value;
    case 'list':
      return splitList(value);
    case 'words-or-list': {
      const list = splitList(value);
      return list.length === 1 && !list[0]!.startsWith('disk-') ? list[0] : list;
    }
    case 'pairs':
      return Object.fromEntries((value as string[]).map((pair) => splitPair(flag, pair)));
    case 'off':
      return false;
    case 'file':
      return readText(value as string, 'user data');
    default:
      return value;
  }
}

const splitList = (value: unknown) =>
  (value as string[])
    .flatMap((text) => text.split(','))
    .map((text) => text.trim())
    .filter((text) => text !== '');

function splitPair(flag: SpecFlag, pair: string): [string, unknown] {
  const at = pair.indexOf('=');
  if (at < 1) throw new ClientError(`${flagName(flag)}: expected ${flag.flags.split(' ')[1]!} (found "${pair}")`);
  const value = pair.slice(at + 1);
  const isSeconds = flag.path[0] === 'deadlines' && /^\d+$/.test(value);
  return [pair.slice(0, at), isSeconds ? Number(value) : value];
}

/** Pairs are added to those of the file; everything else takes the place of what is there. */
function put(spec: Tree, path: string[], value: unknown): void {
  let tree = spec;
  for (const key of path.slice(0, -1)) {
    if (!isTree(tree[key])) tree[key] = {};
    tree = tree[key] as Tree;
  }
  const last = path.at(-1)!;
  tree[last] = isTree(value) && isTree(tree[last]) ? { ...tree[last], ...value } : value;
}

function describeProblems(
  problems: SpecProblem[],
  file: string | undefined,
  given: SpecFlag[],
  flags: SpecFlag[],
): string {
  return problems
    .map((problem) => {
      const line = formatProblems([problem]);
      const flag = flagFor(problem.path, given) ?? (file === undefined ? flagFor(problem.path, flags) : undefined);
      return `${flag ? flagName(flag) : label(file)}: ${line}`;
    })
    .join('\n');
}

/** The flag that stands for a path of the spec, or for the list or mapping that the path is in. */
function flagFor(path: string, among: SpecFlag[]): SpecFlag | undefined {
  return among.find((flag) => {
    const own = flag.path.join('.');
    return path === own || path.startsWith(`${own}[`) || path.startsWith(`${own}.`);
  });
}

const isTree = (value: unknown): value is Tree => typeof value === 'object' && value !== null && !Array.isArray(value);
