import { type Call } from '../wire/action';
import { ApiError } from '../wire/errors';

/** What is known of a call's ClientToken. */
export interface Remember {
  /** The IDs that the token was answered with before. */
  readonly ids: readonly string[] | undefined;
  /** Remembers what the token is answered with now. */
  readonly remember: (ids: readonly string[]) => void;
}

/** Looks a ClientToken up; `mismatchCode` is thrown when it comes back with other parameters. */
export function answerAgain(call: Call, action: string, token: string, mismatchCode: string): Remember {
  if (token === '') return { ids: undefined, remember: () => undefined };
  const { world } = call;
  const id = `${call.account}/${call.region}/${action}/${token}`;
  const parameters = JSON.stringify(call.params, sortedKeys);
  const known = world.clientTokens.get(id);
  if (known !== undefined && known.expiresAt > world.now()) {
    if (known.parameters !== parameters && world.switches.clientTokenMismatchFails) {
      throw new ApiError(mismatchCode, 'The `ClientToken` was used before with other parameters.');
    }
    return { ids: known.ids, remember: () => undefined };
  }
  return {
    ids: undefined,
    remember: (ids) => {
      const expiresAt = world.now() + (world.switches.clientTokenLifetime * 1000) / world.speed;
      world.clientTokens.put({ id, parameters, ids, expiresAt });
    },
  };
}

function sortedKeys(_: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
}
