import { sha256 } from '@noble/hashes/sha2';
import { bytesToHex } from '@noble/hashes/utils';
import type { Pipeline } from './pipeline';
import type { BuildSpec } from './spec';

/**
 * Fingerprint of a normalised spec: equal for specs that ask for the same thing, however they are written: in another order
 * of keys, with defaults written out, with a set in another order. It is what decides whether asking again joins a running
 * build. Pure JavaScript, so that a workflow can use it.
 */
export function specHash(spec: BuildSpec): string {
  return bytesToHex(sha256(canonicalJson(plainly(spec)))).slice(0, 32);
}

/** Fingerprint of a normalised pipeline, likewise. When it runs makes no difference. */
export function pipelineHash(pipeline: Pipeline): string {
  const asked = Object.fromEntries(Object.entries(pipeline).filter(([key]) => key !== 'schedule'));
  return bytesToHex(sha256(canonicalJson(asked))).slice(0, 32);
}

/** One way to write what may be written in several. The order of security groups stays: it is their priority. */
function plainly(spec: BuildSpec): unknown {
  const { dataDisks, launch, room, ...rest } = spec;
  return {
    ...rest,
    // What does not wait has no use for a deadline.
    ...(room.whenFull === 'fail' ? {} : { room }),
    dataDisks: Array.isArray(dataDisks) ? [...dataDisks].sort() : dataDisks,
    launch: launch && {
      ...launch,
      keyIds: [...launch.keyIds].sort(),
      keepImageLogin: launch.keepImageLogin ?? launch.keyIds.length === 0,
    },
  };
}

function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}
