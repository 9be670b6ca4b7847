import { type Tags } from '../state/records';
import { ApiError } from './errors';

/** A filter of a Describe request: names are ANDed, values ORed. */
export interface Filter {
  readonly Name: string;
  readonly Values: readonly string[];
}

/** How a row answers one filter name. */
export type FilterKeys<T> = Readonly<Record<string, (row: T, value: string) => boolean>>;

/** Tag filters, the same for every resource that has tags. */
export const tagKeys: FilterKeys<{ readonly tags: Tags }> = {
  'tag-key': (row, value) => Object.hasOwn(row.tags, value),
  'tag-value': (row, value) => Object.values(row.tags).includes(value),
};

/** A predicate for the filters; throws for names that the action does not know and for too many of them. */
export function matcher<T extends { readonly tags: Tags }>(
  filters: readonly Filter[],
  keys: FilterKeys<T>,
  limits: { readonly values: number; readonly code: string; readonly unknown?: string },
): (row: T) => boolean {
  if (filters.length > 10) throw new ApiError(limits.code, 'The number of filters exceeds the limit `10`.');
  const tests = filters.map((filter) => {
    if (filter.Values.length > limits.values) {
      throw new ApiError(
        limits.code,
        `The number of values of the filter \`${filter.Name}\` exceeds the limit \`${limits.values}\`.`,
      );
    }
    if (filter.Name.startsWith('tag:') && 'tag-key' in keys) {
      const key = filter.Name.slice('tag:'.length);
      return (row: T) => {
        const value = row.tags[key];
        return value !== undefined && filter.Values.includes(value);
      };
    }
    const test = Object.hasOwn(keys, filter.Name) ? keys[filter.Name] : undefined;
    if (test === undefined)
      throw new ApiError(
        limits.unknown ?? 'InvalidFilter',
        `The specified filter \`${filter.Name}\` is not supported.`,
      );
    return (row: T) => filter.Values.some((value) => test(row, value));
  });
  if (tests.length === 0) return () => true;
  return (row) => tests.every((test) => test(row));
}

/** One page of rows. */
export function page<T>(
  rows: readonly T[],
  request: { readonly Offset?: number | undefined; readonly Limit?: number | undefined },
  code: string,
): readonly T[] {
  const { Offset: offset = 0, Limit: limit = 20 } = request;
  if (offset < 0) throw new ApiError(code, 'The value of `Offset` must not be negative.');
  if (limit < 0 || limit > 100) throw new ApiError(code, 'The value of `Limit` must be between 0 and 100.');
  return rows.slice(offset, offset + limit);
}
