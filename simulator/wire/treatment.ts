import { ApiError } from './errors';

/**
 * What becomes of the parameters of an action. Names are those of the API, with dots for what is inside; a name stands for
 * all that is below it. Parameters that are not named are honoured, which the tests measure.
 */
export interface Treatment {
  /** Looked at, and a wrong value may be refused, but a right one makes no difference. */
  readonly checked?: readonly string[];
  /** Accepted, and without effect: the action does not get to see them. */
  readonly ignored?: readonly string[];
  /** Not supported: a value that asks for something is an UnsupportedOperation. */
  readonly refused?: readonly string[];
}

/** The treatments of a service's actions; an action that is not here honours everything. */
export type Treatments = Readonly<Record<string, Treatment>>;

type Params = Record<string, unknown>;

/**
 * Takes the ignored parameters out of a request and refuses what is not supported. Gives the names of the ignored ones that
 * were there.
 */
export function treat(treatment: Treatment, action: string, params: Params): { kept: Params; ignored: string[] } {
  if (treatment.refused === undefined && treatment.ignored === undefined) return { kept: params, ignored: [] };
  const kept = structuredClone(params);
  for (const name of treatment.refused ?? []) {
    if (take(kept, name.split('.')).some(asks)) {
      throw new ApiError('UnsupportedOperation', `the simulator does not support the parameter ${name} of ${action}`);
    }
  }
  const ignored = (treatment.ignored ?? []).filter((name) => take(kept, name.split('.')).length > 0);
  return { kept, ignored };
}

/** Takes out what has the name, in every element of the lists on the way, and gives what was there. */
function take(node: unknown, [first = '', ...rest]: readonly string[]): unknown[] {
  if (Array.isArray(node)) return node.flatMap((element: unknown) => take(element, [first, ...rest]));
  if (typeof node !== 'object' || node === null || !(first in node)) return [];
  const object = node as Params;
  if (rest.length > 0) return take(object[first], rest);
  const value = object[first];
  Reflect.deleteProperty(object, first);
  return [value];
}

/** Whether a value asks for something: clients send empty text, false, zero and empty lists for "nothing". */
function asks(value: unknown): boolean {
  if (Array.isArray(value)) return value.some(asks);
  if (typeof value === 'object' && value !== null) return Object.values(value).some(asks);
  return value !== undefined && value !== null && value !== '' && value !== false && value !== 0;
}

/**
 * The same parameters, telling which of them are looked at, even when they are not there. This is how the tests measure what
 * an action honours. Writing them out as JSON does not count as looking.
 */
export function watched<T extends object>(params: T, onRead: (path: string) => void, path = ''): T {
  return new Proxy(params, {
    get: (target, name) => {
      if (name === 'toJSON') return () => target;
      const value: unknown = Reflect.get(target, name);
      if (typeof name === 'symbol') return value;
      const isElement = Array.isArray(target);
      const inner = isElement ? path : path === '' ? name : `${path}.${name}`;
      if (!isElement) onRead(inner);
      return typeof value === 'object' && value !== null ? watched(value, onRead, inner) : value;
    },
  });
}
