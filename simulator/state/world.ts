import { type DurationName, type Durations, realisticDurations, type Switches } from '../options';
import { type CallRecord } from '../control/calls';
import { type Fault } from '../control/faults';
import { Pauses } from '../control/pauses';
import { Agenda } from './agenda';
import { type Journal } from './journal';
import { fraction, shortId } from './random';
import {
  type Account,
  type ClientToken,
  type Disk,
  type Happening,
  type Image,
  type Instance,
  type KeyPair,
  type SecurityGroup,
  type Session,
  type Setting,
  type Snapshot,
  type SnapshotGroup,
  type Subnet,
  type Vpc,
} from './records';
import { type Row, Table } from './table';

/** What happens when the time of a happening has come. `at` of the happening is its present, however late it is looked at. */
export type Reaction = (world: World, happening: Happening) => void;

/** Rows by table and ID, as they were before. */
type Changed = ReadonlyMap<string, ReadonlyMap<string, Row | undefined>>;

interface WorldOptions {
  readonly speed: number;
  readonly durations: Durations;
  readonly switches: Switches;
  readonly reactions: Readonly<Record<string, Reaction>>;
  readonly journal?: Journal;
  readonly now?: (() => number) | undefined;
  /** Whether launched instances get addresses that they really listen on. */
  readonly listens?: boolean;
}

/** After so many calls, what has expired is deleted. */
const callsPerSweep = 1000;
/**
 * How long (milliseconds) a temporary key is still known after its end, since one that has expired and one that never was
 * are refused with different codes.
 */
const sessionsKept = 3_600_000;

/** Calls that are kept; older ones are forgotten so that a long-lived simulator does not grow without end. */
const keptCalls = 100_000;

/** Describes show what they held back. Nothing has to be done then, but a clock that is held can be put forward to it. */
const caughtUp = 'describes.caught-up';

/**
 * Everything that the simulated cloud knows. State changes in two ways only: a request that is applied in one synchronous
 * stretch, and happenings whose time has come (`settle`). Both end in `commit`, which journals all of it in one line.
 */
export class World {
  private readonly tables = new Map<string, Table<Row>>();
  /** What has changed since the last commit, and what it was before. */
  private dirty = new Map<string, Map<string, Row | undefined>>();
  private pendingCalls: CallRecord[] = [];
  private recorded = 0;
  private readonly agenda = new Agenda();

  readonly accounts = this.table<Account>('accounts');
  readonly sessions = this.table<Session>('sessions');
  readonly instances = this.table<Instance>('instances', { loopback: null, booted: true });
  readonly disks = this.table<Disk>('disks', { changedAt: 0, doneAt: 0 });
  readonly snapshots = this.table<Snapshot>('snapshots', { groupId: null, shares: [] });
  readonly snapshotGroups = this.table<SnapshotGroup>('snapshotGroups');
  readonly images = this.table<Image>('images', { keyIds: [], encrypted: false });
  readonly keyPairs = this.table<KeyPair>('keyPairs', { description: '', publicKey: '' });
  readonly vpcs = this.table<Vpc>('vpcs');
  readonly subnets = this.table<Subnet>('subnets');
  readonly securityGroups = this.table<SecurityGroup>('securityGroups', {
    description: '',
    ingress: [],
    egress: [],
    version: 0,
  });
  readonly clientTokens = this.table<ClientToken>('clientTokens');
  readonly happenings = this.table<Happening>('happenings');
  readonly faults = this.table<Fault>('faults');
  readonly settings = this.table<Setting>('settings');
  readonly calls: CallRecord[] = [];
  /** Calls that wait until somebody lets them go on. */
  readonly pauses = new Pauses();

  readonly speed: number;
  readonly switches: Switches;
  readonly listens: boolean;
  private slowness: (() => number) | undefined;
  private watcher: ((changed: Changed) => void) | undefined;

  constructor(private readonly options: WorldOptions) {
    this.speed = options.speed;
    this.switches = options.switches;
    this.listens = options.listens ?? false;
  }

  /** Reads the journal, if there is one; says whether it held anything. */
  restore(): boolean {
    let found = false;
    for (const entry of this.options.journal?.read() ?? []) {
      found = true;
      for (const [name, rows] of Object.entries(entry.put ?? {}))
        for (const row of rows) this.tables.get(name)?.restore(row);
      for (const [name, ids] of Object.entries(entry.del ?? {}))
        for (const id of ids) this.tables.get(name)?.unload(id);
      if (entry.call !== undefined) this.calls.push(entry.call as CallRecord);
    }
    for (const happening of this.happenings.all()) this.agenda.add(happening);
    if (found) {
      this.deleteExpired();
      this.commit();
      this.compact();
    }
    return found;
  }

  /** Forgets everything but the calls; the caller seeds anew. */
  clear(): void {
    for (const table of this.tables.values()) {
      for (const row of [...table.all()]) table.delete(row.id);
      table.catchUp();
    }
    this.agenda.clear();
  }

  /** Lets the journal begin anew with what is in memory; called when there is nothing uncommitted. `forgetting`: without the calls so far. */
  compact(forgetting = false): void {
    if (forgetting) this.calls.length = 0;
    const contents = [...this.tables].map(([name, table]) => [name, [...table.all()]] as const);
    this.options.journal?.begin(contents, forgetting);
  }

  /** Lets go of the journal. */
  async close(): Promise<void> {
    await this.options.journal?.close();
  }

  /** The cloud's present, in milliseconds: real time, unless its clock was stopped or put forward. */
  now(): number {
    const { stoppedAt, ahead } = this.clock;
    return stoppedAt ?? this.realTime() + ahead;
  }

  /** The time outside the cloud, which rates and signatures go by; nobody can stop it. */
  realTime(): number {
    return (this.options.now ?? Date.now)();
  }

  /** The cloud's clock: where it stands still, and how far it is ahead of real time otherwise (milliseconds). */
  private get clock(): { readonly stoppedAt: number | undefined; readonly ahead: number } {
    return {
      stoppedAt: this.settings.get('clock/stopped')?.value,
      ahead: this.settings.get('clock/ahead')?.value ?? 0,
    };
  }

  get isStopped(): boolean {
    return this.clock.stoppedAt !== undefined;
  }

  /** When (milliseconds) the next thing will happen by itself; null when nothing will. */
  get next(): number | null {
    return this.agenda.first?.at ?? null;
  }

  /** Stops the clock, so that nothing happens by itself any more. */
  stopClock(): void {
    this.settings.put({ id: 'clock/stopped', value: this.now() });
  }

  /** Lets the clock run on from where it stands. */
  startClock(): void {
    const { stoppedAt } = this.clock;
    if (stoppedAt === undefined) return;
    this.settings.put({ id: 'clock/ahead', value: stoppedAt - this.realTime() });
    this.settings.delete('clock/stopped');
  }

  /** Puts the clock forward by simulated seconds; what falls into that time happens. */
  advanceClock(seconds: number): void {
    this.moveClock(this.now() + (seconds * 1000) / this.speed);
  }

  private moveClock(to: number): void {
    if (this.isStopped) this.settings.put({ id: 'clock/stopped', value: to });
    else this.settings.put({ id: 'clock/ahead', value: to - this.realTime() });
    this.settle();
  }

  /** Puts the clock forward to the next thing that will happen; says whether there was one. */
  advanceToNext(): boolean {
    const { next } = this;
    if (next === null) return false;
    this.moveClock(Math.max(this.now(), next));
    return true;
  }

  /** Real milliseconds that something takes: fixed by hand, or realistic, growing with `gib`, the same for the same `key`. */
  duration(name: DurationName, key: string, gib = 0): number {
    const fixed = this.settings.get(`duration/${name}`)?.value ?? this.options.durations[name];
    const { least, most, perGiB } = realisticDurations[name];
    const spread = perGiB === 0 ? fraction(key, name) * (most - least) : Math.min(most - least, gib * perGiB);
    return ((fixed ?? least + spread) * 1000 * (this.slowness?.() ?? 1)) / this.speed;
  }

  /**
   * Does something, and what that begins takes longer.
   *
   * @param factor asked when something begins: how many times as long it takes
   */
  slowly<T>(factor: () => number, work: () => T): T {
    this.slowness = factor;
    try {
      return work();
    } finally {
      this.slowness = undefined;
    }
  }

  /** The durations that are fixed by hand: by the options, or later and over them (which survives a restart). */
  get durations(): Durations {
    const later = [...this.settings.all()].flatMap(({ id, value }) =>
      id.startsWith('duration/') ? [[id.slice('duration/'.length), value]] : [],
    );
    return { ...this.options.durations, ...(Object.fromEntries(later) as Durations) };
  }

  fixDurations(durations: Durations): void {
    for (const [name, value] of Object.entries(durations)) this.settings.put({ id: `duration/${name}`, value });
  }

  /** A new ID of eight characters behind the prefix. */
  newId(prefix: string): string {
    const id = `${prefix}-${shortId(this.count('ids'), prefix)}`;
    const taken = [...this.tables.values()].some((table) => table.get(id) !== undefined);
    return taken ? this.newId(prefix) : id;
  }

  /** The next number of a counter that survives restarts. */
  count(name: string): number {
    const value = (this.settings.get(`counter/${name}`)?.value ?? 0) + 1;
    this.settings.put({ id: `counter/${name}`, value });
    return value;
  }

  /** When something made now becomes visible in describes. */
  hiddenUntil(lag = 0): number {
    const longest = Math.max(lag, this.switches.describeLag);
    if (longest === 0) return 0;
    const until = this.now() + longest;
    this.schedule(until, caughtUp, '', '');
    return until;
  }

  /** Keeps what has changed since the last commit out of describes for so many milliseconds. */
  holdBack(milliseconds: number): void {
    if (this.dirty.size === 0) return;
    const until = this.now() + milliseconds;
    for (const [name, rows] of this.dirty)
      for (const [id, before] of rows) this.tables.get(name)?.holdBack(id, before, until);
    this.schedule(until, caughtUp, '', '');
  }

  /** Lets something happen at a time (real milliseconds). */
  schedule(at: number, type: string, target: string, operation: string, data: Happening['data'] = {}): void {
    const id = String(this.count('happenings')).padStart(12, '0');
    this.happenings.put({ id, at, type, target, operation, data });
    this.agenda.add({ id, at });
  }

  /** Lets everything happen whose time has come, in order of time. */
  settle(now = this.now()): void {
    for (;;) {
      const { first } = this.agenda;
      if (first === undefined || first.at > now) return;
      this.agenda.take();
      const happening = this.happenings.get(first.id);
      if (happening === undefined) continue;
      this.happenings.delete(first.id);
      this.options.reactions[happening.type]?.(this, happening);
    }
  }

  recordCall(call: CallRecord): void {
    if (++this.recorded % callsPerSweep === 0) this.deleteExpired();
    this.calls.push(call);
    this.pendingCalls.push(call);
    if (this.calls.length > keptCalls * 1.1) this.calls.splice(0, this.calls.length - keptCalls);
  }

  /** Deletes ClientTokens and temporary keys whose time is over, which nobody can use any more. */
  private deleteExpired(): void {
    const now = this.now();
    for (const { id, expiresAt } of this.clientTokens.all()) if (expiresAt <= now) this.clientTokens.delete(id);
    for (const { id, expiresAt } of this.sessions.all()) if (expiresAt <= now - sessionsKept) this.sessions.delete(id);
  }

  /**
   * Journals what has changed since the last commit. To be called before anyone is told. Throws a NotWrittenError when that
   * cannot be written: then nothing has changed, as after `rollback`.
   */
  commit(): void {
    const { dirty, pendingCalls } = this;
    const { journal } = this.options;
    if (dirty.size === 0 && pendingCalls.length === 0) return;
    if (journal !== undefined) {
      try {
        this.write(journal, dirty, pendingCalls);
      } catch (error) {
        this.rollback();
        throw error;
      }
    }
    this.dirty = new Map();
    this.pendingCalls = [];
    if (journal?.isFull === true) this.compact();
    this.watcher?.(dirty);
  }

  /** Takes back what has changed since the last commit. What happened by itself in that time happens again. */
  rollback(): void {
    const { dirty, pendingCalls } = this;
    this.dirty = new Map();
    this.pendingCalls = [];
    for (const [name, rows] of dirty) {
      for (const [id, before] of rows) {
        if (before === undefined) this.tables.get(name)?.unload(id);
        else this.tables.get(name)?.restore(before);
      }
    }
    for (const before of dirty.get('happenings')?.values() ?? [])
      if (before !== undefined) this.agenda.add(before as Happening);
    if (pendingCalls.length > 0) this.calls.splice(-pendingCalls.length);
  }

  /** Tells of every commit which rows it changed. */
  watch(watcher: (changed: Changed) => void): void {
    this.watcher = watcher;
  }

  private write(journal: Journal, dirty: Changed, pendingCalls: readonly CallRecord[]): void {
    const put: Record<string, Row[]> = {};
    const del: Record<string, string[]> = {};
    for (const [name, rows] of dirty) {
      for (const id of rows.keys()) {
        const row = this.tables.get(name)?.get(id);
        if (row !== undefined) (put[name] ??= []).push(row);
        else (del[name] ??= []).push(id);
      }
    }
    const [call, ...more] = pendingCalls;
    const first = { put, del, ...(call === undefined ? {} : { call }) };
    journal.append(first, ...more.map((another) => ({ call: another })));
  }

  private table<T extends Row>(name: string, defaults: Partial<T> = {}): Table<T> {
    const changed = (table: string, id: string, before: Row | undefined): void => {
      let rows = this.dirty.get(table);
      if (rows === undefined) this.dirty.set(table, (rows = new Map<string, Row | undefined>()));
      if (!rows.has(id)) rows.set(id, before);
    };
    const table = new Table<T>(name, changed, defaults);
    this.tables.set(name, table);
    return table;
  }
}
