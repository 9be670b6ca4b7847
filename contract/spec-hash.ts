import { sha256 } from '@noble/hashes/sha2';
import { bytesToHex } from '@noble/hashes/utils';
import type { BuildSpec } from './spec';

/**
 * Fingerprint of a normalised spec: equal for specs that differ only in the order of their keys or in defaults written
 * out. It is what decides whether asking again joins a running build. Pure JavaScript, so that a workflow can use it.
 */
export function specHash(spec: BuildSpec): string {
  return bytesToHex(sha256(canonicalJson(spec))).slice(0, 32);
}

function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}
