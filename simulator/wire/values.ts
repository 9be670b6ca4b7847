import { ApiError } from './errors';

/** A text that says something: clients send empty text for "nothing". */
export function given(text: string | undefined): string | undefined {
  return text === '' ? undefined : text;
}

/** Refuses a text that is not one of those that the API documents; empty text is none. */
export function requireOneOf(parameter: string, value: string | undefined, documented: readonly string[]): void {
  if (value === undefined || value === '' || documented.includes(value)) return;
  throw new ApiError(
    'InvalidParameterValue',
    `The value \`${value}\` of \`${parameter}\` is not one of ${documented.join(', ')}.`,
  );
}

/** "True", "TRUE", "true": the API takes some booleans as text. Refuses what is neither of the two. */
export function flagOf(parameter: string, text: string | undefined): boolean {
  const value = text?.toUpperCase();
  requireOneOf(parameter, value, ['TRUE', 'FALSE']);
  return value === 'TRUE';
}
