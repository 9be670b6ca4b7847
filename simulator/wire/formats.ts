import { type Tags } from '../state/records';

/** CVM's times: ISO 8601, UTC, whole seconds. */
export function isoTime(milliseconds: number): string {
  return new Date(milliseconds).toISOString().replace(/\.\d+Z$/, 'Z');
}

/** CBS's times: China time without a zone. */
export function chinaTime(milliseconds: number): string {
  return new Date(milliseconds + 8 * 3_600_000).toISOString().slice(0, 19).replace('T', ' ');
}

/** CBS's modification times: ISO 8601 with China's offset. */
export function chinaIsoTime(milliseconds: number): string {
  return `${chinaTime(milliseconds).replace(' ', 'T')}+08:00`;
}

/** Tags as CVM, CBS and VPC write them. */
export function tagList(tags: Tags): { Key: string; Value: string }[] {
  return Object.entries(tags).map(([Key, Value]) => ({ Key, Value }));
}

/** A flat tag list of a request as a record. */
export function tagsFrom(list: readonly { readonly Key: string; readonly Value: string }[] | undefined): Tags {
  return Object.fromEntries((list ?? []).map((tag) => [tag.Key, tag.Value]));
}

/** The length of a text as the API counts it: in characters, not UTF-16 units. */
export function characters(text: string): number {
  return Array.from(text).length;
}
