import type { BuildSpecInput } from '../../../contract';
import type { Play } from './play';

/** What a scenario is about; the sections of the report. */
export const groups = [
  'undisturbed',
  'twice',
  'lost answers',
  'kills',
  'bad luck in the cloud',
  'people',
  'sweeps',
  'new code',
] as const;
export type Group = (typeof groups)[number];

/** A call that builds make: the nth of its action, counted from the start of the scenario. */
export interface CallPoint {
  action: string;
  /** Default: 1. */
  nth?: number;
  /** Text in the request, where the region does not tell it from others. `{key}` is the tail of the instance ID, `{region}` the region. */
  contains?: string;
}

/** When something is done to a build. */
export type Moment =
  /** The call waits in the cloud, not yet applied, until the act is over. */
  | { before: CallPoint }
  /** The call is applied, and its answer waits until the act is over. */
  | { after: CallPoint }
  /** As soon as this is true. It is asked for again and again. */
  | {
      once: (play: Play) => Promise<boolean>;
      called: string;
      /** What makes it last for long enough to be seen on a busy machine. */
      lasts?: FaultForm;
    };

/** What is done at a moment, by the cloud, by a person or to a process. */
export interface Act {
  /** For the report: `cancel`. */
  name: string;
  /** A call that waits goes on when this is done; a function that it answers is called after that. */
  do: (play: Play) => Promise<unknown>;
}

/** Acts follow each other: each waits for its moment. */
export interface Beat {
  at: Moment;
  act: Act;
}

/** A fault of the simulator, as its README tells them. Without `region` and `contains` it is confined to the scenario's own. */
export type FaultForm = { action?: string; service?: string; kind: string } & Record<string, unknown>;

/** How a build ends, as a scenario expects it: completed, cancelled, failed with this code, or terminated by hand. */
export type End = 'completed' | 'cancelled' | 'terminated' | { failed: RegExp } | 'any';
/** How builds end: all the same, or each as listed, or whichever of these comes first when two things meet. */
export type Ends = End | { each: End[] } | { either: End[] };

/** Activities by name. */
export type Twice = string[] | 'all';

/** What somebody else makes of a source, for good: terminates it, or gives it another type or these tags. */
export type SourceChange = 'gone' | { type?: string; tags?: Record<string, string> };

/** Calls that make something, with how many more of them there may be than builds (and disks). */
export type Remakes = Partial<Record<'CreateSnapshot' | 'CreateImage' | 'RunInstances', number>>;

/** `times` of a fault that meets every such call. */
export const forEver = 1000;

/** A few lines of data: what is built, what is done to it, and how it must end. */
export interface Scenario {
  group: Group;
  /** Unique within its group; from general to special, divided by ` · `: `instance · CreateImage · answer lost`. */
  name: string;
  ends: Ends;
  /** Beside `region`, `instanceId` and an image name. Default: two data disks as snapshots, and a launch. */
  spec?: Partial<BuildSpecInput>;
  /** The source instance in the simulator's short form. Default: running, with two data disks. */
  source?: Record<string, unknown>;
  /** How many builds at a time, each of a source of its own. Default: 1. */
  builds?: number;
  /** Armed before the build starts. */
  faults?: FaultForm[];
  /** Done one after the other. */
  beats?: Beat[];
  /**
   * `shared` (default): workers that other scenarios use too. `workers`: workers of its own, which may be killed.
   * `server`: also a Temporal server of its own, with a database file.
   */
  site?: 'shared' | 'workers' | 'server';
  /** Workers of its own at the start. Default: 1. */
  workers?: number;
  /** Settings of its own workers that differ. */
  worker?: WorkerForm;
  /** Activities whose first attempt is executed and then counts as failed, so that all of it happens twice; `all` for each. */
  twice?: Twice;
  /** Name of a webhook that listens, and that its own workers know. */
  webhook?: string;
  /** What somebody else made of the source: how it must be in the end, instead of as it was. */
  changed?: SourceChange;
  /** How often more than once something is rightly made: what was made before was undone or spoiled. */
  remakes?: Remakes;
  /** Something cannot be deleted in time, so that the build lists it as left over for the sweep. Otherwise nothing is. */
  leaves?: true;
  /** What the failure, or what is shown while it waits, must say. Beside what every failure must say. */
  says?: RegExp;
  /** Real seconds within which it is to be over. Default: 120. */
  limitSeconds?: number;
  /** Part of the slice that every test run plays. */
  slice?: boolean;
  /** Left to check when all is over, beyond what the judge does. Throws what is wrong. */
  also?: (play: Play) => Promise<void>;
}

/** A key of the cloud's account. */
export interface Key {
  id: string;
  secret: string;
}

/** How a worker of a scenario's own differs from the shared ones. */
export interface WorkerForm {
  /** Another key; `own`: one of the same account that nobody else uses, so that it can be revoked. */
  key?: Key | 'own';
  /** Another workflow bundle. */
  bundle?: string;
  /** Polls for activities that it has open at a time: a frozen worker swallows so many more. */
  polls?: number;
  /** Workflow tasks that it has in hand at a time. */
  tasks?: number;
  /** ActivitySettings that differ. */
  settings?: Record<string, unknown>;
}

/** The name by which a scenario is asked for. */
export const titleOf = ({ group, name }: Scenario) => `${group} · ${name}`;
