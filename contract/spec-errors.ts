import { distance } from 'fastest-levenshtein';
import { type BuildSpec, buildSpecSchema } from './spec';
import { z } from './zod';

/** One thing that is wrong with a spec. */
export interface SpecProblem {
  /** Where in the file: `launch.zone`, `dataDisks[1]`; empty for the file as a whole. */
  path: string;
  /** What is allowed there. */
  message: string;
  /** What was found, as JSON and shortened; absent when nothing was there. */
  found?: string;
}

export type SpecCheck<Spec = BuildSpec> = { ok: true; spec: Spec } | { ok: false; problems: SpecProblem[] };

/** Checks and normalises the spec of a build; answers every problem at once. Never throws. */
export function checkSpec(input: unknown): SpecCheck {
  return checkAgainst(buildSpecSchema(), input);
}

/** Checks and normalises what a schema describes; answers every problem at once. Never throws. */
export function checkAgainst<Schema extends z.ZodType>(schema: Schema, input: unknown): SpecCheck<z.output<Schema>> {
  const parsed = schema.safeParse(input);
  if (parsed.success) return { ok: true, spec: parsed.data };
  return { ok: false, problems: parsed.error.issues.flatMap((issue) => describeIssue(issue, input, schema)) };
}

/** The problems as text, a line each: `launch.zone: expected a zone such as ap-guangzhou-3 (found "gz")`. */
export function formatProblems(problems: SpecProblem[]): string {
  return problems
    .map(({ path, message, found }) => `${path || 'spec'}: ${message}${found === undefined ? '' : ` (found ${found})`}`)
    .join('\n');
}

function describeIssue(issue: z.core.$ZodIssue, input: unknown, schema: z.ZodType): SpecProblem[] {
  const value = valueAt(input, issue.path);
  if (issue.code === 'unrecognized_keys') {
    const known = knownKeys(issue.path, schema);
    return issue.keys.map((key) => ({
      path: formatPath([...issue.path, key]),
      message: `unknown key; ${nearest(key, known)}`,
    }));
  }
  const message =
    value === undefined && issue.code === 'invalid_type' ? `missing; expected ${issue.expected}` : allowed(issue);
  return [
    {
      path: formatPath(issue.path),
      message,
      ...(value === undefined ? {} : { found: shorten(value) }),
    },
  ];
}

function allowed(issue: z.core.$ZodIssue): string {
  switch (issue.code) {
    case 'invalid_value':
      return `expected ${issue.values.map(String).join(', ')}`;
    case 'invalid_type':
      return `expected ${issue.expected}`;
    case 'too_big':
      return `expected at most ${issue.maximum}${unit(issue.origin, issue.maximum)}`;
    case 'too_small':
      return `expected at least ${issue.minimum}${unit(issue.origin, issue.minimum)}`;
    default:
      return issue.message;
  }
}

function unit(origin: string, count: number | bigint): string {
  const one = Number(count) === 1;
  if (origin === 'string') return one ? ' character' : ' characters';
  if (origin === 'array') return one ? ' entry' : ' entries';
  return '';
}

function nearest(key: string, known: string[]): string {
  const [best] = known.map((name) => ({ name, far: distance(key, name) })).sort((a, b) => a.far - b.far);
  return best && best.far <= Math.max(2, key.length / 2)
    ? `did you mean ${best.name}?`
    : `known keys are ${known.join(', ')}`;
}

/** The keys that a schema knows at a path. */
function knownKeys(path: readonly PropertyKey[], schema: z.ZodType): string[] {
  let inner: unknown = schema;
  for (const key of path) inner = shapeOf(inner)?.[String(key)];
  return Object.keys(shapeOf(inner) ?? {});
}

/** The fields of an object schema, looked for through optional, default and prefault wrappers. */
function shapeOf(schema: unknown): Record<string, unknown> | undefined {
  let inner = schema;
  while (
    inner instanceof z.ZodOptional ||
    inner instanceof z.ZodDefault ||
    inner instanceof z.ZodPrefault ||
    inner instanceof z.ZodNullable
  ) {
    inner = inner.unwrap();
  }
  return inner instanceof z.ZodObject ? inner.shape : undefined;
}

function valueAt(input: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (value, key) =>
      typeof value === 'object' && value !== null ? (value as Record<PropertyKey, unknown>)[key] : undefined,
    input,
  );
}

function formatPath(path: readonly PropertyKey[]): string {
  return path.reduce<string>(
    (text, key) => (typeof key === 'number' ? `${text}[${key}]` : text ? `${text}.${String(key)}` : String(key)),
    '',
  );
}

function shorten(value: unknown): string {
  const text = JSON.stringify(value);
  return text.length > 80 ? `${text.slice(0, 77)}…` : text;
}
