import { actions } from '../../simulator/actions';
import { type Row, type Table } from '../../simulator/state/table';
import { type World } from '../../simulator/state/world';
import { type Action, type Call } from '../../simulator/wire/action';
import { type Field, serviceOf, services } from '../../simulator/wire/schema';

type Params = Record<string, unknown>;
/** What came of a call: every value of its answer, and of the rows that it changed, by its place. */
type Outcome = ReadonlyMap<string, unknown>;

/** Values that parameters (`Action.Path`) may be given beside those of the calls, where nothing that is generally tried succeeds. */
export type Candidates = Readonly<Record<string, readonly unknown[]>>;

/**
 * Finds out which parameters make a difference. Every call that is made is also made with the parameter taken away and with
 * other values in its place; each time the cloud is put back to what it was. A parameter has an effect when two of those calls
 * succeed and come to something different, when what it names is what is changed, or when it is a flag that lets through what is
 * refused without it. One that can only make a call fail has none.
 */
export class Effects {
  /** Parameters that make a difference, as `Action.Path`. */
  readonly seen = new Set<string>();

  constructor(
    private readonly parametersOf: (action: string) => readonly string[],
    private readonly candidates: Candidates,
  ) {}

  /** Watches all calls that are made from now on, until the function that it gives is called. */
  watch(): () => void {
    const served = actions as Record<string, Action>;
    const originals = Object.entries(served);
    for (const [name, original] of originals) {
      served[name] = (call) => {
        this.probe(name, original, call);
        return original(call);
      };
    }
    return () => void Object.assign(served, Object.fromEntries(originals));
  }

  private probe(name: string, action: Action, call: Call): void {
    const missing = this.parametersOf(name).filter((path) => !this.seen.has(`${name}.${path}`));
    if (missing.length === 0) return;
    const fork = new Fork(call.world);
    const outcome = (params: Params): Outcome | undefined => {
      try {
        const answer = action({ ...call, params, outcome: (kind) => kind === 'soft-stop-fails', lag: () => 0 });
        return flat({ answer, changes: fork.changes() });
      } catch {
        return undefined;
      } finally {
        fork.putBack();
      }
    };
    const given = call.params as Params;
    const base = outcome(structuredClone(given));
    const again = outcome(structuredClone(given));
    for (const path of base === undefined || again === undefined ? [] : missing) {
      const random = differences(base!, again!);
      const differs = (params: Params): boolean => {
        const other = outcome(params);
        if (other === undefined) return false;
        return [...differences(base!, other)].some((place) => counts(place, path, random));
      };
      if (
        namesChanged(base!, given, path) ||
        this.variants(name, call, path).some(differs) ||
        lets(name, given, path, outcome)
      )
        this.seen.add(`${name}.${path}`);
    }
    fork.end();
  }

  /** The call without the parameter, and with other values of it. */
  private variants(action: string, call: Call, path: string): Params[] {
    const given = call.params as Params;
    const names = path.split('.');
    const without = structuredClone(given);
    put(without, names, undefined, action);
    const field = fieldOf(action, names);
    const ids = idsOf(call, field);
    const values = [...(this.candidates[`${action}.${path}`] ?? []), ...ids, ...usualValues(field)];
    return [
      without,
      ...values.map((value) => {
        const changed = structuredClone(given);
        put(changed, names, value, action);
        return changed;
      }),
    ];
  }
}

/** Not random values, and not what a ClientToken remembers, which is all of the request. */
function counts(place: string, path: string, random: ReadonlySet<string>): boolean {
  return !random.has(place) && !(place.startsWith('changes.clientTokens') && path !== 'ClientToken');
}

/** Whether the parameter is a flag without which the call would be refused. */
function lets(action: string, given: Params, path: string, outcome: (params: Params) => Outcome | undefined): boolean {
  const names = path.split('.');
  const field = fieldOf(action, names);
  if (field.type !== 'bool' || field.required === true || !JSON.stringify(given).includes(`"${field.name}":true`))
    return false;
  const without = structuredClone(given);
  put(without, names, undefined, action);
  return outcome(without) === undefined;
}

/** Whether the value of a parameter names a row that the call has changed. */
function namesChanged(base: Outcome, given: Params, path: string): boolean {
  const text = JSON.stringify(
    path.split('.').reduce<unknown>((node, name) => (node as Params | undefined)?.[name], given) ?? '',
  );
  return [...base].some(([place, id]) => /^changes\.[a-zA-Z]+\.\d+\.0$/.test(place) && text.includes(String(id)));
}

/** A cloud that is put back again and again to what it was. */
class Fork {
  private readonly inside: {
    tables: Map<string, Table<Row>>;
    dirty: Map<string, Map<string, Row | undefined>>;
    agenda: { clear(): void; add(entry: Row): void };
    now: () => number;
  };
  private readonly before: readonly (readonly [Table<Row>, readonly Row[]])[];
  private readonly dirty: Map<string, Map<string, Row | undefined>>;

  constructor(private readonly world: World) {
    this.inside = world as unknown as Fork['inside'];
    this.before = [...this.inside.tables.values()].map((table) => [table, [...table.all()]]);
    this.dirty = this.inside.dirty;
    this.inside.dirty = new Map();
    const now = world.now();
    this.inside.now = () => now;
  }

  /** The rows that have been changed, with their IDs, by table and in the order in which that happened. */
  changes(): Record<string, (readonly [id: string, row: Row | undefined])[]> {
    return Object.fromEntries(
      [...this.inside.dirty].map(([name, rows]) => [
        name,
        [...rows.keys()].map((id) => [id, this.inside.tables.get(name)?.get(id)] as const),
      ]),
    );
  }

  putBack(): void {
    for (const [table, rows] of this.before) {
      if (!this.inside.dirty.has(table.name)) continue;
      for (const { id } of [...table.all()]) table.unload(id);
      for (const row of rows) table.restore(row);
    }
    this.inside.dirty = new Map();
    this.inside.agenda.clear();
    for (const happening of this.world.happenings.all()) this.inside.agenda.add(happening);
  }

  end(): void {
    this.inside.dirty = this.dirty;
    Reflect.deleteProperty(this.world, 'now');
  }
}

function flat(value: unknown, place = '', found = new Map<string, unknown>()): Map<string, unknown> {
  if (typeof value !== 'object' || value === null) return found.set(place, value);
  for (const [name, inner] of Object.entries(value)) flat(inner, place === '' ? name : `${place}.${name}`, found);
  return found;
}

function differences(one: Outcome, other: Outcome): Set<string> {
  return new Set([...one.keys(), ...other.keys()].filter((place) => one.get(place) !== other.get(place)));
}

function fieldOf(action: string, names: readonly string[]): Field {
  const service = services[serviceOf.get(action)!];
  let fields = service.actions[action]!.input;
  for (const name of names.slice(0, -1)) fields = service.objects[fields.find((field) => field.name === name)!.member]!;
  return fields.find((field) => field.name === names.at(-1))!;
}

/** Puts a value to every place of the name, or (undefined) takes it away; makes the objects and lists on the way. */
function put(
  node: Params,
  names: readonly string[],
  value: unknown,
  action: string,
  above: readonly string[] = [],
): void {
  const [first = '', ...rest] = names;
  if (rest.length === 0) {
    if (value === undefined) Reflect.deleteProperty(node, first);
    else node[first] = value;
    return;
  }
  if (node[first] === undefined) {
    if (value === undefined) return;
    node[first] = fieldOf(action, [...above, first]).type === 'list' ? [{}] : {};
  }
  const inner = node[first];
  for (const one of Array.isArray(inner) ? inner : [inner]) put(one as Params, rest, value, action, [...above, first]);
}

/** What there is of the kind that the parameter names, for one that takes an ID or a list of them. */
function idsOf({ world, account, region }: Call, { name, type }: Field): unknown[] {
  const kind = /(Instance|Disk|Snapshot|Image|Key|Vpc|Subnet|SecurityGroup|SnapshotGroup)Ids?$/.exec(name)?.[1];
  if (kind === undefined) return [];
  const tables: Record<string, Table<Row>> = {
    ...{ Instance: world.instances, Disk: world.disks, Snapshot: world.snapshots, Image: world.images },
    ...{ Key: world.keyPairs, Vpc: world.vpcs, Subnet: world.subnets, SecurityGroup: world.securityGroups },
    SnapshotGroup: world.snapshotGroups,
  };
  const ids = [...tables[kind]!.in(account, region)].map(({ id }) => id);
  return type === 'list' ? ids.map((id) => [id]) : ids;
}

function usualValues({ type, member }: Field): unknown[] {
  const scalar = type === 'list' ? (member === 'string' ? 'string' : 'int') : type;
  const values =
    { bool: [true, false], int: [0, 1, 2, 10, 200], float: [0, 1], string: ['', 'x1', '1', 'TRUE'] }[scalar] ?? [];
  return type === 'list' ? [[], ...values.map((value) => [value])] : values;
}
