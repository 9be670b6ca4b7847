/** What every stored record has. Records are never changed in place: `Table.update` replaces them, so no change can miss the journal. */
export interface Row {
  readonly id: string;
  readonly account?: string;
  readonly region?: string;
  /** Describes do not show it before this time. */
  readonly hiddenUntil?: number;
}

/** One kind of resource: rows by ID, and by account and region, in the order in which they were made. */
export class Table<T extends Row> {
  private readonly rows = new Map<string, T>();
  /**
   * What describes show of the rows of these IDs: a row that is gone meanwhile, or fields as they were; `undefined`: nothing. Not in the
   * journal: after a restart they have caught up.
   */
  private readonly heldBack = new Map<string, { readonly before: Partial<T> | undefined; readonly until: number }>();
  private readonly buckets = new Map<string, Map<string, T>>();

  constructor(
    readonly name: string,
    private readonly changed: (table: string, id: string, before: Row | undefined) => void,
    /** Fields that rows do not have which an older version wrote. */
    private readonly defaults: Partial<T> = {},
  ) {}

  get size(): number {
    return this.rows.size;
  }

  get(id: string): T | undefined {
    return this.rows.get(id);
  }

  /** The row, which the caller knows to exist. */
  must(id: string): T {
    const row = this.rows.get(id);
    if (row === undefined) throw new Error(`no ${this.name} row ${id}`);
    return row;
  }

  all(): IterableIterator<T> {
    return this.rows.values();
  }

  /** The rows of one account in one region. */
  in(account: string, region: string): Iterable<T> {
    return this.buckets.get(`${account}/${region}`)?.values() ?? [];
  }

  /** Those of them that a describe shows at this time: the ones with these IDs, or all when there are none. Newest first. */
  shown(account: string, region: string, ids: readonly string[], now: number): T[] {
    let rows =
      ids.length === 0
        ? [...this.in(account, region)].reverse()
        : [...new Set(ids)].flatMap((id) => this.rows.get(id) ?? []);
    if (this.heldBack.size > 0) rows = this.asBefore(rows, ids, now);
    return rows.filter((row) => (row.hiddenUntil ?? 0) <= now && row.account === account && row.region === region);
  }

  /** The rows as describes still see them. */
  private asBefore(rows: readonly T[], ids: readonly string[], now: number): T[] {
    for (const [id, { until }] of this.heldBack) if (until <= now) this.heldBack.delete(id);
    const gone = [...this.heldBack].flatMap(([id, { before }]) =>
      before !== undefined && !this.rows.has(id) && (ids.length === 0 || ids.includes(id)) ? [before as T] : [],
    );
    const there = rows.flatMap((row) => {
      const held = this.heldBack.get(row.id);
      if (held === undefined) return [row];
      return held.before === undefined ? [] : [{ ...row, ...held.before }];
    });
    return [...there, ...gone];
  }

  countIn(account: string, region: string): number {
    return this.buckets.get(`${account}/${region}`)?.size ?? 0;
  }

  put(row: T): T {
    const before = this.rows.get(row.id);
    this.load(row);
    this.changed(this.name, row.id, before);
    return row;
  }

  /**
   * Lets describes show what has changed of a row as it was, or that it was not there, until a time. What else changes meanwhile shows: the
   * services that tell of a resource's state and of its tags do not wait for each other.
   */
  holdBack(id: string, before: T | undefined, until: number): void {
    const held = this.heldBack.get(id);
    if (held && held.before === undefined) return;
    const row = this.rows.get(id);
    const changed: Partial<T> | undefined = row && before ? changedFields(before, row) : before;
    // What is held back already stays: describes show the older state until that time is over.
    this.heldBack.set(id, {
      before: held ? ({ ...changed, ...held.before } as Partial<T>) : changed,
      until: held?.until ?? until,
    });
  }

  /** Forgets everything that is held back. */
  catchUp(): void {
    this.heldBack.clear();
  }

  /** Replaces some fields. A row that is gone meanwhile stays gone. */
  update(id: string, patch: Partial<T>): void {
    const row = this.rows.get(id);
    if (row !== undefined) this.put({ ...row, ...patch });
  }

  delete(id: string): void {
    const before = this.rows.get(id);
    if (this.unload(id)) this.changed(this.name, id, before);
  }

  /** Puts a row as the journal has it, without telling the journal. */
  restore(row: T): void {
    this.load({ ...this.defaults, ...row });
  }

  private load(row: T): void {
    this.rows.set(row.id, row);
    if (row.account !== undefined && row.region !== undefined) {
      const key = `${row.account}/${row.region}`;
      let bucket = this.buckets.get(key);
      if (bucket === undefined) this.buckets.set(key, (bucket = new Map<string, T>()));
      bucket.set(row.id, row);
    }
  }

  /** Deletes a row without telling the journal; says whether it was there. */
  unload(id: string): boolean {
    const row = this.rows.get(id);
    if (row === undefined) return false;
    this.buckets.get(`${row.account ?? ''}/${row.region ?? ''}`)?.delete(id);
    return this.rows.delete(id);
  }
}

/** Of a row before a change: what is another now. */
function changedFields<T extends Row>(before: T, after: T): Partial<T> {
  const fields = Object.entries(before).filter(([key, value]) => after[key as keyof T] !== value);
  const added = Object.keys(after).filter((key) => !(key in before));
  return Object.fromEntries([...fields, ...added.map((key) => [key, undefined])]) as Partial<T>;
}
