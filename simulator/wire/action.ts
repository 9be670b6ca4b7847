import { type OutcomeKind } from '../control/faults';
import { type World } from '../state/world';
import { type Caller } from './authenticate';

/** One validated request on its way through an action. */
export interface Call {
  readonly world: World;
  readonly caller: Caller;
  /** Root account whose resources it sees. */
  readonly account: string;
  readonly region: string;
  readonly requestId: string;
  /** The validated parameters; an action reads them as the type that its description promises. */
  readonly params: unknown;
  /**
   * Asks whether an armed fault wants this outcome; to be asked once, when everything has been checked. A call that makes
   * several things asks once for each, with the parameters as if that one had been asked for alone.
   */
  readonly outcome: (kind: OutcomeKind, alone?: Readonly<Record<string, unknown>>) => boolean;
  /** Milliseconds for which an armed fault wants what is made to stay out of describes. */
  readonly lag: () => number;
}

/** Checks a call, applies it and gives the fields of the answer (RequestId is added). Throws before it changes anything. */
export type Action = (call: Call) => object;
