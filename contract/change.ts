import { sha256 } from '@noble/hashes/sha2';
import { bytesToHex } from '@noble/hashes/utils';

/**
 * What the API can tell about a source and its pipeline, as far as it has to do with what an image holds: a part each, so that
 * it can be said which has changed. What happens inside the guest is none of it: no API tells that.
 */
export interface Fingerprint {
  /** Fingerprint of the normalised pipeline. */
  pipeline: string;
  /** The instance: its type, the image that it was installed from, system, state, login keys. */
  instance: string;
  /** Its disks, with their sizes and types. */
  disks: string;
  /** The operation that it went through last: a start, stop, restart, reinstallation, resize, attached disk. */
  operation: string;
}

const parts = {
  pipeline: 'the pipeline is another',
  instance: 'the instance is another, or its type, image, state or login keys are',
  disks: 'its disks are others, or their sizes or types are',
  operation: 'it has been started, stopped or otherwise operated on',
} as const satisfies Record<keyof Fingerprint, string>;
const names = Object.keys(parts) as (keyof Fingerprint)[];

/** A part of a fingerprint, of whatever it is made of. */
export const fingerprintOf = (value: unknown): string => bytesToHex(sha256(JSON.stringify(value))).slice(0, 16);

/** A fingerprint as the value of a tag. */
export const writeFingerprint = (fingerprint: Fingerprint): string => names.map((name) => fingerprint[name]).join('/');

/** What differs from the fingerprint in a tag, in words; empty when nothing does. One that cannot be read differs. */
export function differences(tag: string, now: Fingerprint): string[] {
  const before = tag.split('/');
  if (before.length !== names.length) return ['its fingerprint cannot be read'];
  return names.filter((name, index) => before[index] !== now[name]).map((name) => parts[name]);
}

/** What a look at the source has come to. */
export interface SourceChange {
  now: Fingerprint;
  /** The last release, when nothing has changed since. */
  since?: { imageId: string; name: string; nominalAt: string } | undefined;
  /** What has changed, or since which release nothing has. */
  story: string;
}
