import { fraction } from '../state/random';
import { type Row } from '../state/table';
import { type World } from '../state/world';
import { type Interference } from './interfere';

/** Kinds that decide what becomes of the call: of those that fire, only the first counts. */
export const decidingKinds = ['answer-lost', 'request-lost', 'http-502', 'error'] as const;
/** Kinds that only do something on the way: all that fire do. */
export const passingKinds = ['delay', 'pause', 'hook', 'interfere', 'write-lag'] as const;
const transportKinds = [...decidingKinds, ...passingKinds] as const;
export const outcomeKinds = [
  'image-fails',
  'image-never-finishes',
  'soft-stop-fails',
  'stop-ignored',
  'launch-fails',
  'describe-lag',
  'slow',
] as const;

/** What can happen to a request or its answer on the way. */
export type TransportKind = (typeof transportKinds)[number];
/** What can go wrong in the cloud after a call was accepted. */
export type OutcomeKind = (typeof outcomeKinds)[number];

/** Misbehaviour that is armed, as it is posted to the control API. */
export interface FaultSpec {
  readonly action?: string;
  /** cvm, cbs, vpc, sts or tag: every action of the service. */
  readonly service?: string;
  readonly kind: TransportKind | OutcomeKind;
  /** First matching call that it fires on, counted from 1 since arming. */
  readonly nth?: number;
  /** How often it fires; default 1, or without end when there is a probability or an end in time. */
  readonly times?: number;
  readonly probability?: number;
  readonly region?: string;
  /** Request parameters that must be equal, or (lists) contained. */
  readonly match?: Readonly<Record<string, unknown>>;
  /** Text that the JSON of the request must contain. */
  readonly contains?: string;
  readonly when?: 'before' | 'after';
  readonly code?: string;
  readonly message?: string;
  readonly milliseconds?: number;
  /** Real milliseconds for which it is armed: an outage. */
  readonly lasts?: number;
  /** How many times as long what a `slow` call begins takes. */
  readonly factor?: number;
  /** What a `hook` posts to. */
  readonly url?: string;
  /** What someone else does when an `interfere` fires. */
  readonly interference?: Interference;
}

/** An armed fault and how often it was met. */
export interface Fault extends Row, FaultSpec {
  /** Calls that matched since arming. */
  readonly seen: number;
  readonly fired: number;
  /** When it disarms itself, if it does. */
  readonly until?: number;
}

/** A request as faults look at it. */
export interface FaultSubject {
  readonly action: string;
  readonly service: string;
  readonly region: string;
  readonly params: Readonly<Record<string, unknown>>;
}

/** Arms a fault. */
export function armFault(world: World, spec: FaultSpec): Fault {
  const id = `fault-${world.count('faults')}`;
  const end = spec.lasts === undefined ? {} : { until: world.realTime() + spec.lasts };
  return world.faults.put({ ...spec, id, seen: 0, fired: 0, ...end });
}

/** Whether a fault acts after the call was applied; then only calls that were applied count as matching. */
export function isAfter(fault: FaultSpec): boolean {
  return (
    fault.kind === 'answer-lost' ||
    fault.kind === 'write-lag' ||
    (fault.when === 'after' && isTransport(fault) && fault.kind !== 'request-lost')
  );
}

/** Faults that fire on this request before it is applied: all passing ones, and at most one that decides. */
export function fireBefore(world: World, subject: FaultSubject): Fault[] {
  return fire(world, subject, (fault) => isTransport(fault) && !isAfter(fault));
}

/** Faults that fire on the answer of a request that was applied. */
export function fireAfter(world: World, subject: FaultSubject): Fault[] {
  return fire(world, subject, isAfter);
}

/** The fault, if any, that gives an accepted call this outcome. */
export function fireOutcome(world: World, subject: FaultSubject, kind: OutcomeKind): Fault | undefined {
  return fire(world, subject, (fault) => fault.kind === kind)[0];
}

/** Whether the call goes on after the fault. */
export function isPassing(fault: FaultSpec): boolean {
  return (passingKinds as readonly string[]).includes(fault.kind);
}

function isTransport(fault: FaultSpec): boolean {
  return (transportKinds as readonly string[]).includes(fault.kind);
}

function fire(world: World, subject: FaultSubject, eligible: (fault: Fault) => boolean): Fault[] {
  const fired: Fault[] = [];
  let decided = false;
  for (const fault of [...world.faults.all()]) {
    if ((fault.until ?? Infinity) <= world.realTime()) {
      world.faults.delete(fault.id);
      continue;
    }
    if (!eligible(fault) || !matches(fault, subject)) continue;
    const seen = fault.seen + 1;
    const times = fault.times ?? (fault.probability === undefined && fault.until === undefined ? 1 : Infinity);
    const fires =
      seen >= (fault.nth ?? 1) &&
      fault.fired < times &&
      (isPassing(fault) || !decided) &&
      (fault.probability === undefined || fraction('fault', fault.id, seen) < fault.probability);
    world.faults.update(fault.id, { seen, fired: fault.fired + (fires ? 1 : 0) });
    if (!fires) continue;
    fired.push(fault);
    if (!isPassing(fault)) decided = true;
  }
  return fired;
}

function matches(fault: Fault, subject: FaultSubject): boolean {
  return (
    (fault.action === undefined || fault.action === subject.action) &&
    (fault.service === undefined || fault.service === subject.service) &&
    (fault.region === undefined || fault.region === subject.region) &&
    (fault.match === undefined || contained(fault.match, subject.params)) &&
    (fault.contains === undefined || JSON.stringify(subject.params).includes(fault.contains))
  );
}

/**
 * Objects: every field that is asked for. Lists: every element that is asked for is somewhere in the list. `InstanceId`
 * also finds the ID in `InstanceIds`, since a test seldom cares which of the two an action takes.
 */
function contained(wanted: unknown, actual: unknown): boolean {
  if (Array.isArray(wanted)) {
    return (
      Array.isArray(actual) && wanted.every((element) => actual.some((candidate) => contained(element, candidate)))
    );
  }
  if (Array.isArray(actual)) return actual.some((candidate) => contained(wanted, candidate));
  if (typeof wanted !== 'object' || wanted === null) return wanted === actual;
  if (typeof actual !== 'object' || actual === null) return false;
  const fields = actual as Readonly<Record<string, unknown>>;
  return Object.entries(wanted).every(([name, value]) => contained(value, fields[name] ?? fields[`${name}s`]));
}
