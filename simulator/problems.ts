import { type z } from 'zod';

/** More than these are not told at once. */
const mostProblems = 20;

/**
 * Checks what was given against a schema. Throws an Error with a line for each problem, `instances[0].state: …`; `what` is
 * named when the whole of it is wrong.
 */
export function checked<Schema extends z.ZodType>(schema: Schema, given: unknown, what: string): z.output<Schema> {
  const parsed = schema.safeParse(given, { reportInput: true });
  if (parsed.success) return parsed.data;
  const lines = parsed.error.issues.flatMap((issue) => described(issue, what));
  const more = lines.length - mostProblems;
  throw new Error([...lines.slice(0, mostProblems), ...(more > 0 ? [`and ${more} more`] : [])].join('\n'));
}

function described(issue: z.core.$ZodIssue, what: string): string[] {
  const place = (...more: PropertyKey[]): string => pathOf([...issue.path, ...more]) || what;
  if (issue.code === 'unrecognized_keys') return issue.keys.map((key) => `${place(key)}: there is no such field`);
  if (issue.code === 'invalid_key') return [`${place()}: ${issue.issues[0]?.message ?? issue.message}`];
  if (issue.code === 'invalid_union') {
    // What is wrong inside one of the forms that it can have says more than that it has none of them.
    const inner = issue.errors.find((issues) => issues.some(({ path }) => path.length > 0)) ?? [];
    if (inner.length > 0)
      return inner.flatMap((one) => described({ ...one, path: [...issue.path, ...one.path] }, what));
  }
  if (issue.code === 'invalid_type' && issue.input === undefined) return [`${place()}: is missing`];
  const found =
    issue.code === 'custom' || issue.input === '' || issue.input === undefined ? '' : `, not ${shortened(issue.input)}`;
  return [`${place()}: ${expected(issue)}${found}`];
}

function expected(issue: z.core.$ZodIssue): string {
  switch (issue.code) {
    case 'invalid_value':
      return `must be ${issue.values.map(String).join(' or ')}`;
    case 'invalid_type':
      return `must be ${issue.expected === 'int' ? 'a whole number' : withArticle(issue.expected)}`;
    case 'too_big':
      return `must be at most ${issue.maximum}${unit(issue.origin)}`;
    case 'too_small':
      if (issue.origin === 'string' && issue.minimum === 1) return 'must not be empty';
      if (issue.inclusive === false) return `must be above ${issue.minimum}`;
      return `must be at least ${issue.minimum}${unit(issue.origin)}`;
    default:
      return issue.message;
  }
}

function unit(origin: string): string {
  return origin === 'string' ? ' characters long' : origin === 'array' ? ' entries' : '';
}

function withArticle(type: string): string {
  if (type === 'array') return 'a list';
  if (type === 'record' || type === 'object') return 'an object';
  return type === 'boolean' ? 'true or false' : `a ${type}`;
}

function pathOf(path: readonly PropertyKey[]): string {
  return path.reduce<string>(
    (text, key) => (typeof key === 'number' ? `${text}[${key}]` : text === '' ? String(key) : `${text}.${String(key)}`),
    '',
  );
}

function shortened(value: unknown): string {
  const text = JSON.stringify(value);
  return text.length > 60 ? `${text.slice(0, 57)}…` : text;
}
