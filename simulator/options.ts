import { type Seed } from './seed/seed';

/** Simulated seconds that things take when they are fixed by hand; what is absent follows the realistic default. */
export type Durations = Partial<Record<DurationName, number>>;

/** Realistic durations in simulated seconds: `[least, most]`; disks add `perGiB` for each GiB, up to `most`. */
export const realisticDurations = {
  stop: { least: 20, most: 60, perGiB: 0 },
  start: { least: 20, most: 60, perGiB: 0 },
  reboot: { least: 30, most: 60, perGiB: 0 },
  launch: { least: 30, most: 60, perGiB: 0 },
  terminate: { least: 10, most: 20, perGiB: 0 },
  snapshot: { least: 300, most: 1800, perGiB: 2 },
  image: { least: 300, most: 1800, perGiB: 6 },
  copy: { least: 600, most: 1800, perGiB: 6 },
  createDisk: { least: 3, most: 8, perGiB: 0 },
  attach: { least: 3, most: 10, perGiB: 0 },
  detach: { least: 3, most: 10, perGiB: 0 },
  expand: { least: 5, most: 15, perGiB: 0 },
  /** How long a snapshot is TORECYCLE after it was deleted. */
  recycle: { least: 60, most: 120, perGiB: 0 },
  rollback: { least: 60, most: 600, perGiB: 1 },
  /** From RUNNING until a guest that listens answers. */
  boot: { least: 5, most: 20, perGiB: 0 },
  /** How long an operation stays OPERATING after RUNNING is reported. */
  tail: { least: 2, most: 4, perGiB: 0 },
  /** How long a LAUNCH_FAILED instance is still shown. */
  failedLaunch: { least: 600, most: 600, perGiB: 0 },
} as const;

/** Simulated seconds, three years: what is much longer ends at no time that can be written. */
const longestDuration = 100_000_000;

export type DurationName = keyof typeof realisticDurations;

/** Readings of what the documentation leaves open. Each default is the reading that is harder for a client. */
export interface Switches {
  /** CreateImage keeps its source instance busy until the image is done (default), or only for the call. */
  readonly createImageKeepsInstanceBusy: boolean;
  /** CreateImage with ForcePoweroff starts the instance again by itself; default: it stays stopped. */
  readonly forcePoweroffRestarts: boolean;
  /** A snapshot or image of a running instance is torn: its content ends in "\u0000torn". */
  readonly tornWhileRunning: boolean;
  /** How many of them are, from 0 to 1; which ones depends on their IDs alone. Default 1. */
  readonly tornShare: number;
  /** A ClientToken that comes back with other parameters is an error (default), or answers the old IDs. */
  readonly clientTokenMismatchFails: boolean;
  /** Simulated seconds that a ClientToken is remembered. */
  readonly clientTokenLifetime: number;
  /** Refuse a credential scope whose service is not the action's; off, because SDKs derive it from any endpoint. */
  readonly strictScope: boolean;
  /** Milliseconds (real) for which describes do not show what was just made. */
  readonly describeLag: number;
  /** ResizeDisk wants the disk's instance stopped (default), or takes it running too. */
  readonly resizeNeedsStoppedInstance: boolean;
  /** DeleteImages deletes in order up to the first image that it cannot delete (default), or all of them or none. */
  readonly deleteImagesOneByOne: boolean;
  /** A deleted snapshot is described as TORECYCLE for a while (default), or is gone at once. */
  readonly snapshotsAreRecycled: boolean;
  /** DescribeImages lists in no order that means anything (default; the same in every call), or newest first. */
  readonly imagesInNoOrder: boolean;
  /** While an image is copied, the source is SYNCING too (default), and takes nothing else; or only the copy is. */
  readonly syncingShowsOnSource: boolean;
  /** A copy of an image belongs to the ImageFamily of its source from the start (default), or to none. */
  readonly copiesKeepFamily: boolean;
  /** Images can be copied between mainland China and the rest of the world without a ticket. */
  readonly copiesCrossBorder: boolean;
  /** Accounts that an image can be shared with: 50 in the older, 500 in the newer documentation. */
  readonly imageShareLimit: number;
}

export const defaultSwitches: Switches = {
  createImageKeepsInstanceBusy: true,
  forcePoweroffRestarts: false,
  tornWhileRunning: true,
  tornShare: 1,
  clientTokenMismatchFails: true,
  clientTokenLifetime: 86_400,
  strictScope: false,
  describeLag: 0,
  resizeNeedsStoppedInstance: true,
  deleteImagesOneByOne: true,
  snapshotsAreRecycled: true,
  imagesInNoOrder: true,
  syncingShowsOnSource: true,
  copiesKeepFamily: true,
  copiesCrossBorder: true,
  imageShareLimit: 50,
};

/** Options of `startSimulator`; everything has a default. */
export interface SimulatorOptions {
  /** 0 (default) = any free port. */
  readonly port?: number;
  /** A loopback address; anything else is refused. Default 127.0.0.1. */
  readonly host?: string;
  /** Where the state is kept across restarts; absent = in memory only. */
  readonly dataDir?: string;
  /** How many times faster than the real cloud; default 60. */
  readonly speed?: number;
  /** Multiplies the published request rates; 0 = no limit; default 1. */
  readonly rateScale?: number;
  readonly durations?: Durations;
  readonly switches?: Partial<Switches>;
  /** The cloud's clock, in milliseconds since 1970, for tests that set it by hand; default `Date.now`. */
  readonly now?: () => number;
  /** Launched instances get addresses in 127.0.0.0/8, on which they really listen while they run; default false. */
  readonly listen?: boolean;
  /**
   * Checks every answer against the API's description before it is sent. One that does not fit is a mistake of the
   * simulator: it is told on stderr and the client gets InternalError. Default false, since it takes time.
   */
  readonly strictAnswers?: boolean;
  /** Told whenever an action looks at one of its parameters: how coverage is measured. */
  readonly onParameterRead?: (action: string, path: string) => void;
  /** What the cloud contains at first; default `defaultSeed()`. A data directory that has state keeps that instead. */
  readonly seed?: Seed;
}

/** Reads `name=seconds,name=seconds`, or an object of the same; throws an Error that names what is wrong. */
export function parseDurations(given: string | Readonly<Record<string, unknown>>): Durations {
  if (typeof given !== 'string' && (typeof given !== 'object' || Array.isArray(given) || (given as unknown) === null))
    throw new Error('durations are an object with seconds by name, such as {"stop": 40}');
  const entries =
    typeof given === 'string'
      ? given.split(',').map((part): [string, unknown] => {
          const [name = '', value = ''] = part.split('=');
          return [name.trim(), value.trim() === '' ? NaN : Number(value)];
        })
      : Object.entries(given);
  const durations: Durations = {};
  for (const [name, value] of entries) {
    if (!Object.hasOwn(realisticDurations, name)) {
      throw new Error(`unknown duration "${name}": use ${Object.keys(realisticDurations).join(', ')}`);
    }
    if (typeof value !== 'number' || !(value >= 0)) throw new Error(`duration "${name}" must be a number of seconds`);
    if (value > longestDuration) throw new Error(`duration "${name}" must be at most ${longestDuration} seconds`);
    durations[name as DurationName] = value;
  }
  return durations;
}

/** Reads switches given as an object (or `name=value` pairs) against the defaults; throws an Error that names what is wrong. */
export function parseSwitches(given: Readonly<Record<string, unknown>>): Partial<Switches> {
  for (const [name, value] of Object.entries(given)) {
    if (!Object.hasOwn(defaultSwitches, name)) {
      throw new Error(`unknown switch "${name}": use ${Object.keys(defaultSwitches).join(', ')}`);
    }
    const expected = typeof defaultSwitches[name as keyof Switches];
    if (typeof value !== expected)
      throw new Error(`switch "${name}" must be ${expected === 'boolean' ? 'true or false' : 'a number'}`);
    if (typeof value === 'number' && !(value >= 0)) throw new Error(`switch "${name}" must be a number from 0`);
    if (name === 'tornShare' && (value as number) > 1) throw new Error('switch "tornShare" must be from 0 to 1');
  }
  return given;
}
