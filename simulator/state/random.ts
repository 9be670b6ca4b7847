import { createHash } from 'node:crypto';

const alphabet = '0123456789abcdefghijklmnopqrstuvwxyz';

/** A number in [0, 1) that depends on the words alone, so that a run with the same seed goes the same way. */
export function fraction(...words: readonly (string | number)[]): number {
  return createHash('sha256').update(words.join('/')).digest().readUInt32BE(0) / 2 ** 32;
}

/** Eight characters `[0-9a-z]`, as cloud IDs have behind their prefix. */
export function shortId(...words: readonly (string | number)[]): string {
  const digest = createHash('sha256').update(words.join('/')).digest();
  let id = '';
  for (let position = 0; position < 8; position++) id += alphabet[digest.readUInt8(position) % alphabet.length]!;
  return id;
}

/** A UUID-shaped string made from the words. */
export function uuidFrom(...words: readonly (string | number)[]): string {
  const hex = createHash('sha256').update(words.join('/')).digest('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}
