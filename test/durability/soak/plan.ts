import { type BuildSpecInput, tagKeys } from '../../../contract';
import { Dice } from '../../support/dice';
import type { FaultForm } from '../harness/scenario';
import { accountId } from '../harness/site';
import { heartbeat, scale } from '../harness/timing';
import { losses, type Mishap, mishaps } from './mishaps';

/** Everything that a soak does, and when; the same for the same seed. Times are in milliseconds from the start. */
export interface SoakPlan {
  builds: PlannedBuild[];
  /** Kills of one of the workers, in turn. */
  workerKills: number[];
  /** One of the workers stands still for so long, longer than others wait before they take over. */
  freezes: { at: number; frozenFor: number }[];
  /** Kills of the Temporal server, and for how long it stays dead. */
  serverKills: { at: number; deadFor: number }[];
  /** All of them at once. */
  killsOfAll: { at: number; deadFor: number }[];
  /** The workers' key is revoked, and given back after so long. */
  revocations: { at: number; lasts: number }[];
  /** What meets whoever is there: a service that is away in a region, an answer to a call of an undo or of a keeping that is lost. */
  outages: { at: number; name: string; fault: FaultForm }[];
}

export interface PlannedBuild {
  at: number;
  /** Tail of the instance ID. */
  key: string;
  region: string;
  spec: BuildSpecInput;
  source: { state: 'RUNNING' | 'STOPPED'; dataDisks: number; systemDisk: { id: string } };
  /** What goes wrong. */
  mishaps: Mishap[];
  /** What a person does to it, how long after its start, and for what there is a choice of, which: from 0 up to 1. */
  person?: { act: PersonalAct; after: number; choice: number };
  /** What somebody else deletes of it, so many milliseconds after it is there. */
  theft?: { of: 'image' | 'snapshot'; after: number };
}

/** `retry`: of the step for which the build is held. Activities are paused and reset as in the Temporal UI. */
const personalActs = [
  ...(['cancel', 'cancel', 'terminate', 'pause', 'retry', 'retry', 'reset'] as const),
  ...(['pause an activity', 'reset an activity'] as const),
];
export type PersonalAct = (typeof personalActs)[number];

export const soakRegions = ['ap-guangzhou', 'ap-shanghai', 'ap-singapore', 'eu-frankfurt', 'na-ashburn'];

const letters = '0123456789abcdefghijklmnopqrstuvwxyz'.split('');

const halfAnHour = (1800 * 1000) / scale;

/** The last builds need time to end. */
const arrivals = 0.85;

export function planSoak(seed: number, builds: number, minutes: number): SoakPlan {
  const dice = new Dice(seed);
  const length = minutes * 60_000 * arrivals;
  const every = (least: number, most: number) => {
    const times: number[] = [];
    for (let at = dice.between(least, most); at < length; at += dice.between(least, most)) times.push(at);
    return times;
  };
  return {
    builds: Array.from({ length: builds }, () => planBuild(dice, length)).sort((one, other) => one.at - other.at),
    workerKills: every(3000, 7000),
    serverKills: every(20_000, 40_000).map((at) => ({ at, deadFor: dice.between(0, 1500) })),
    freezes: every(20_000, 40_000).map((at) => ({ at, frozenFor: dice.between(heartbeat, 3 * heartbeat) * 1000 })),
    killsOfAll: every(60_000, 120_000).map((at) => ({ at, deadFor: dice.between(0, 1500) })),
    revocations: every(40_000, 80_000).map((at) => ({ at, lasts: dice.between(1000, 6000) })),
    outages: [
      ...every(30_000, 60_000).map((at) => planOutage(dice, at)),
      ...every(10_000, 20_000).map((at) => planLoss(dice, at)),
    ],
  };
}

function planBuild(dice: Dice, length: number): PlannedBuild {
  const region = dice.pick(soakRegions);
  const key = Array.from({ length: 8 }, () => dice.pick(letters)).join('');
  const chosen = Array.from({ length: dice.pick([0, 1, 1, 2]) }, () => dice.pick(mishaps));
  const method = dice.pick(['instance', 'snapshots'] as const);
  const person = dice.chance(0.25)
    ? {
        act: dice.pick(personalActs),
        after: dice.between(0, 6000),
        choice: dice.next(),
      }
    : undefined;
  const held = person?.act === 'retry';
  // Somebody is there who can mend what no waiting mends: let there be something.
  if (held) chosen.push(dice.pick(mishaps.filter(({ refused }) => refused)));
  // Nobody acts on it beside: what is made again then is no sign of anything.
  const theft =
    person === undefined && dice.chance(0.1)
      ? { of: dice.pick(['image', 'snapshot'] as const), after: dice.between(0, 1500) }
      : undefined;
  const spec: BuildSpecInput = {
    region,
    instanceId: `ins-${key}`,
    image: { name: `image-${key}` },
    method,
    dataDisks: dice.pick(['snapshot', 'snapshot', 'include', 'none'] as const),
    onFailure: held ? 'hold' : dice.pick(['cleanup', 'cleanup', 'cleanup', 'keep'] as const),
    ...chosen.reduce((all, mishap) => ({ ...all, ...mishap.spec }), {}),
    ...(dice.chance(0.6) ? { launch: { zone: `${region}-3` } } : {}),
    // An image that never finishes is given up, and so is deleting it; then it is a leftover for the sweep.
    deadlines: {
      heartbeat,
      ...(held ? { hold: 30 } : {}),
      ...(chosen.some(({ stuck }) => stuck) ? { pollImage: 10, undo: 10 } : {}),
    },
  };
  return {
    at: dice.between(0, length),
    key,
    region,
    spec,
    source: {
      state: dice.chance(0.85) ? 'RUNNING' : 'STOPPED',
      dataDisks: dice.between(0, 3),
      systemDisk: { id: `disk-${key}` },
    },
    mishaps: chosen,
    ...(person ? { person } : {}),
    ...(theft ? { theft } : {}),
  };
}

function planOutage(dice: Dice, at: number): SoakPlan['outages'][number] {
  const service = dice.pick(['cvm', 'cbs', 'tag']);
  const error = dice.pick(['InternalError', 'RequestLimitExceeded']);
  const region = dice.pick(soakRegions);
  // The tag service has no region: it is away everywhere.
  const where = service === 'tag' ? {} : { region };
  // Now and then for half an hour of the cloud's time.
  const lasts = dice.chance(0.25) ? halfAnHour : 3000;
  const fault: FaultForm = { service, ...where, kind: 'error', code: error, message: 'an outage', lasts };
  return { at, name: `${service} away (${error})`, fault };
}

/** Their requests name what is removed or kept, not the build: they meet the next one in the region. */
function planLoss(dice: Dice, at: number): SoakPlan['outages'][number] {
  const region = dice.pick(soakRegions);
  const removing = ['DeleteImages', 'DeleteSnapshots', 'TerminateInstances'].map((action) => ({
    what: action,
    point: { action, region },
  }));
  const keeping = ['image', 'volume', 'instance'].map((type) => ({
    what: `TagResources, ${type} kept`,
    point: { action: 'TagResources', contains: `:${region}:uin/${accountId}:${type}/`, match: keptTag },
  }));
  const { what, point } = dice.pick([...removing, ...keeping]);
  const { name, fault } = dice.pick(losses);
  return { at, name: `${what}: ${name}`, fault: { ...point, ...fault } };
}

/** In a request that tags something as kept. */
const keptTag = { Tags: [{ TagKey: tagKeys.state, TagValue: 'kept' }] };
