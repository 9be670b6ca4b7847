import { z } from 'zod';
import { actions } from '../actions';
import { checked } from '../problems';
import { regions } from '../vpc/regions';
import { serviceOf, type ServiceName, services } from '../wire/schema';
import { decidingKinds, type FaultSpec, isAfter, outcomeKinds, passingKinds } from './faults';
import { checkInterference } from './interfere';

const kinds = [...decidingKinds, ...passingKinds, ...outcomeKinds] as const;
type Kind = (typeof kinds)[number];

/** Longer than this (24.8 days) and timers go off at once. */
const longestWait = 2 ** 31 - 1;
const milliseconds = z.number().min(0).max(longestWait);

const everyKind = ['action', 'service', 'kind', 'nth', 'times', 'probability', 'region', 'match', 'contains', 'lasts'];
/** What else a kind takes. */
const fieldsOf: Readonly<Record<Kind, readonly string[]>> = {
  'answer-lost': ['when'],
  'request-lost': ['when'],
  'http-502': ['when'],
  error: ['code', 'message', 'when'],
  delay: ['milliseconds', 'when'],
  pause: ['milliseconds', 'when'],
  hook: ['url', 'milliseconds', 'when'],
  interfere: ['interference', 'when'],
  'write-lag': ['milliseconds'],
  'describe-lag': ['milliseconds'],
  'image-fails': [],
  'image-never-finishes': [],
  'soft-stop-fails': [],
  'stop-ignored': [],
  'launch-fails': [],
  slow: ['factor'],
};
/** The only actions that can have such an outcome. */
const actionsOf: Partial<Record<Kind, readonly string[]>> = {
  'image-fails': ['CreateImage', 'SyncImages'],
  'image-never-finishes': ['CreateImage', 'SyncImages'],
  'soft-stop-fails': ['StopInstances'],
  'stop-ignored': ['StopInstances'],
  'launch-fails': ['RunInstances'],
};
/** Actions that make something that describes could hold back. */
const makers: ReadonlySet<string> = new Set([
  'CopySnapshotCrossRegions',
  'CreateDisks',
  'CreateImage',
  'CreateKeyPair',
  'CreateSecurityGroup',
  'CreateSnapshot',
  'CreateSnapshotGroup',
  'CreateSubnet',
  'CreateVpc',
  'ImportKeyPair',
  'RunInstances',
  'SyncImages',
]);
/** Actions that change nothing. */
const looks = /^(Describe|Get|Inquiry)/;
/** What cannot be otherwise; it may be said all the same. */
const whenOf: Partial<Record<Kind, string>> = { 'answer-lost': 'after', 'request-lost': 'before' };
/** Services whose requests are in no region. */
const regionless: readonly string[] = ['sts', 'tag'];

const shape = {
  action: z.string(),
  service: z.enum(Object.keys(services) as ServiceName[]),
  nth: z.int().min(1),
  times: z.int().min(1),
  probability: z.number().gt(0).max(1),
  region: z.string(),
  match: z.record(z.string(), z.unknown()),
  contains: z.string().min(1),
  when: z.enum(['before', 'after']),
  code: z.string().regex(/^[A-Za-z][\w.]{0,127}$/, { error: 'must be an error code such as InternalError' }),
  message: z.string(),
  milliseconds,
  lasts: z.number().gt(0),
  factor: z.number().gt(0).max(1_000_000),
  url: z.url({ protocol: /^http$/, error: 'must be a URL (http://…)' }),
};

const faultSchema = z.object({ ...shape, kind: z.enum(kinds), interference: z.unknown() }).partial();

/** Checks a fault as posted; throws an Error that says what is wrong with it, or why it could never fire. */
export function parseFault(given: unknown): FaultSpec {
  if (typeof given !== 'object' || given === null || Array.isArray(given)) throw new Error('a fault is a JSON object');
  const kind = kindOf(given);
  const known = [...everyKind, ...fieldsOf[kind]];
  const unknown = Object.keys(given).find((key) => !known.includes(key));
  if (unknown !== undefined)
    throw new Error(`unknown fault field "${unknown}": with the kind "${kind}", use ${known.join(', ')}`);
  const spec = { ...checked(faultSchema, given, 'the fault'), kind } as FaultSpec;
  checkKind(spec, kind);
  checkTarget(spec);
  return spec;
}

function kindOf(given: object): Kind {
  const found = kinds.find((kind) => 'kind' in given && given.kind === kind);
  if (found === undefined) throw new Error(`kind must be one of ${kinds.join(', ')}`);
  return found;
}

/** Whether the fault has what its kind needs. */
function checkKind(spec: FaultSpec, kind: Kind): void {
  if (kind === 'error' && spec.code === undefined) throw new Error('an "error" fault needs a code');
  if (['delay', 'describe-lag', 'write-lag'].includes(kind) && spec.milliseconds === undefined)
    throw new Error(`a "${kind}" fault needs milliseconds`);
  if (kind === 'slow' && spec.factor === undefined) throw new Error('a "slow" fault needs a factor');
  if (kind === 'hook' && spec.url === undefined) throw new Error('a "hook" fault needs a url (http://…)');
  if (kind === 'interfere') checkInterference(spec.interference);
  const when = whenOf[kind];
  if (when !== undefined && spec.when !== undefined && spec.when !== when)
    throw new Error(`"${kind}" is always ${when} the call is applied`);
}

/** Whether there can be a call that the fault is meant for. */
function checkTarget(spec: FaultSpec): void {
  const { action, service, region, match, kind } = spec;
  const only = actionsOf[kind];
  const own = action === undefined ? undefined : serviceOf.get(action);
  if (action !== undefined && own === undefined)
    throw new Error(`unknown action "${action}": it would never fire${similar(action)}`);
  if (own !== undefined && service !== undefined && own !== service)
    throw new Error(`${action!} is an action of ${own}, not of ${service}: it would never fire`);
  const rare = `"${kind}" is something that only ${only?.join(' and ') ?? ''} ${only?.length === 1 ? 'meets' : 'meet'}`;
  if (only !== undefined && action !== undefined && !only.includes(action))
    throw new Error(`${rare}: with ${action} it would never fire`);
  if (only !== undefined && service !== undefined && !only.some((one) => serviceOf.get(one) === service))
    throw new Error(`${rare}: with the service ${service} it would never fire`);
  if (action !== undefined) checkEffect(action, spec);
  const where = own ?? service;
  if (region !== undefined && region !== '') {
    if (!regions.has(region)) throw new Error(`unknown region "${region}": use ${[...regions.keys()].join(', ')}`);
    if (where !== undefined && regionless.includes(where))
      throw new Error(`${where} has no regions: with a region it would never fire`);
  }
  if (own === undefined || match === undefined) return;
  const parameters = services[own].actions[action!]!.input.map(({ name }) => name);
  const strange = Object.keys(match).find((name) => !parameters.includes(name) && !parameters.includes(`${name}s`));
  if (strange !== undefined)
    throw new Error(`match: ${action!} has no parameter ${strange}; it has ${parameters.join(', ')}`);
}

/** Whether the action can come as far as the fault. */
function checkEffect(action: string, spec: FaultSpec): void {
  if (spec.kind === 'describe-lag' && !makers.has(action))
    throw new Error(`${action} makes nothing that describes could hold back: it would never fire`);
  if (spec.kind === 'write-lag' && looks.test(action))
    throw new Error(`${action} changes nothing that describes could hold back: it would do nothing`);
  if (actions[action] === undefined && isAfter(spec))
    throw new Error(`${action} is not served, so it is never applied: it would never fire`);
}

/** Actions that differ in upper and lower case or by an s alone are what people mistype. */
function similar(action: string): string {
  const plain = (name: string): string => name.toLowerCase().replace(/s$/, '');
  const found = [...serviceOf.keys()].find((name) => plain(name) === plain(action));
  return found === undefined ? '' : `; did you mean ${found}?`;
}
