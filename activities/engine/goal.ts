import type { Looker } from '../cloud/looker';

/** What a look at the world means for a goal. */
export type Verdict =
  /** The world is as wanted; believed once it has stood for so many seconds (default: at once). */
  | { is: 'done'; standSeconds?: number }
  /** On its way there; nothing to do but wait. */
  | { is: 'going'; waitingFor: string; percent?: number | undefined }
  /** It will never get there. `code` is the cloud's own where there is one. */
  | { is: 'wrong'; code: string; message: string; advice?: string }
  /** The change is due. */
  | { is: 'act' }
  /** It should be there, or be otherwise. Describes lag, so it is given the settle window to show before that is `wrong`. */
  | { is: 'missing'; code: string; message: string; advice?: string; waitingFor?: string };

/** The one change that leads to a goal. */
export interface Act<Seen> {
  /** API action, for messages: `CreateImage`. */
  action: string;
  /** Makes the call. What it answers may already be what was wanted, or `undefined`: look again. */
  call: () => Promise<Seen | undefined>;
  /**
   * Whether making the call twice does no more than making it once: deletes, starts, creates with a ClientToken. What is
   * not repeatable is made again only after look-ups have stayed empty for the settle window.
   */
  repeatable: boolean;
  /** Codes that mean "the world has moved: look again", such as InvalidImageName.Duplicate. */
  lookAgain?: RegExp;
}

/**
 * Something that a step wants to be true of the cloud, as data: how to look, what the states mean, which call leads
 * there. The engine does the rest (`StepRun.achieve`): it looks first, adopts what is there, acts under its lease, settles
 * what has an unknown outcome, waits, backs off, and reports.
 */
export interface Goal<Seen> {
  /** What it is about, for people: `image web-20261123`, `disk-1a2b3c4d`. */
  title: string;
  /** The world now; `undefined` when there is nothing. */
  look: () => Promise<Seen | undefined>;
  /** What was seen means. `acted`: this attempt has already made the change. */
  judge: (seen: Seen | undefined, acted: boolean) => Verdict;
  act?: Act<Seen>;
  /** Waits for this resource share their requests with others. */
  watch?: () => { on: Pick<Looker<never>, 'pause'>; id: string } | undefined;
  /** Seconds for which "done" must have stood before it is believed, after a change of unknown outcome. */
  standSeconds?: number;
}
