import { condition, log } from '@temporalio/workflow';
import type { BuildActivities, Resource, UndoInput, UndoOutcome } from '../contract';
import { stepFailure } from './failures';

export type UndoName = 'undoSnapshotDisks' | 'undoCreateImage' | 'undoLaunchInstance';
/** What an undo is told about the step that it undoes. */
export type Circumstances = Pick<UndoInput, 'generation' | 'known' | 'unknownOutcome' | 'keep'>;
type UndoCall = (activities: BuildActivities, circumstances: Circumstances) => Promise<UndoOutcome>;

/** The undo of one step, pushed before the step begins: it may happen though its answer is lost. */
export class Undo {
  readonly resources: Resource[] = [];
  /** Nothing to undo any more: the step never changed anything, or what it made is kept. */
  over = false;
  private known = false;

  constructor(
    readonly name: UndoName,
    private readonly generation: number,
    private readonly call: UndoCall,
  ) {}

  /** The step is done and made this. */
  made(resources: Omit<Resource, 'fate'>[]): void {
    this.known = true;
    this.resources.push(...resources.map((resource): Resource => ({ ...resource, fate: 'made' })));
  }

  kept(): void {
    this.over = true;
    for (const resource of this.resources) if (resource.fate === 'made') resource.fate = 'kept';
  }

  /** Whether the step may have made something that nobody told. */
  get unknown(): boolean {
    return !this.known && !this.over;
  }

  /** @param options.keep finds and lists what the step made, instead of removing it */
  run(activities: BuildActivities, options: { keep?: true } = {}): Promise<UndoOutcome> {
    const main = { undoSnapshotDisks: 'snapshot', undoCreateImage: 'image', undoLaunchInstance: 'instance' }[this.name];
    const known = this.resources.filter(({ type }) => type === main).map(({ id }) => id);
    const { generation } = this;
    return this.call(activities, { generation, known, unknownOutcome: !this.known, ...options });
  }
}

/** How long the rest of the undoing lets the restored source go first, when the cloud will not start it yet. */
const patienceWithSource = '15 minutes';

/** The compensations of a build: the source instance is restored first, the rest follows in reverse. */
export class Saga {
  private readonly undos: Undo[] = [];
  private readonly expected = new Map<UndoName, Undo>();

  push(name: UndoName, generation: number, call: UndoCall): Undo {
    const expected = this.expected.get(name);
    if (expected) expected.over = true;
    const undo = new Undo(name, generation, call);
    this.undos.push(undo);
    return undo;
  }

  /** An undo for what a run before this one may have made. Gives way to the one that the procedure pushes itself. */
  expect(name: UndoName, call: UndoCall): void {
    this.expected.set(name, this.push(name, 1, call));
  }

  /** The commit point: what is made so far is kept. A launch comes after it. */
  commit(): void {
    const launch = this.expected.get('undoLaunchInstance');
    for (const undo of this.undos) if (undo !== launch) undo.kept();
  }

  /** `onFailure: keep`: nothing is undone, and what the failed step saw without telling is kept too. */
  keep(left: Resource[] = []): void {
    for (const resource of left) {
      if (!this.resources.some(({ id }) => id === resource.id)) this.undos.at(-1)?.resources.push(resource);
    }
    for (const undo of this.undos) undo.kept();
  }

  /** What may have been made without anybody being told, the last first. */
  get untold(): Undo[] {
    return this.undos.filter(({ unknown }) => unknown).reverse();
  }

  /** Everything that was made, with what became of it; of what was undone in vain, since it is kept, and then taken up, the latter. */
  get resources(): Resource[] {
    const all = this.undos.flatMap(({ resources }) => resources);
    return [...new Map(all.map((resource) => [resource.id, resource])).values()];
  }

  /** Somebody else has removed these. */
  lose(ids: string[]): void {
    for (const resource of this.resources) {
      if (ids.includes(resource.id)) Object.assign(resource, { fate: 'deleted', note: 'by somebody else' });
    }
  }

  /** The undo of the step that was begun last. */
  get last(): Undo | undefined {
    return this.undos.at(-1);
  }

  /** How far it is, to be unwound to later. */
  get mark(): number {
    return this.undos.length;
  }

  /**
   * Runs the compensations. One that fails does not keep the others from running; what it could not remove is a leftover.
   *
   * @param restoreSource starts the source again; it may take as long as the cloud needs to allow it
   * @param run calls one undo, under its deadline, and shows it
   * @param only.since a {@link mark}: what was done before it stays
   * @param only.spared what stays, too
   */
  async unwind(
    restoreSource: () => Promise<void>,
    run: (undo: Undo) => Promise<UndoOutcome>,
    { since = 0, spared }: { since?: number; spared?: UndoName | undefined } = {},
  ): Promise<void> {
    let restored = false;
    const restoring = restoreSource().finally(() => (restored = true));
    // Told where it is awaited; the rest of the undoing goes on meanwhile.
    restoring.catch(() => undefined);
    const pending = this.undos
      .slice(since)
      .filter(({ over, name }) => !over && name !== spared)
      .reverse();
    if (pending.length > 0) {
      await condition(() => restored, patienceWithSource, { summary: 'the source goes first' });
      for (const undo of pending) await this.unwindOne(undo, run);
    }
    await restoring;
  }

  private async unwindOne(undo: Undo, run: (undo: Undo) => Promise<UndoOutcome>): Promise<void> {
    try {
      const { resources } = await run(undo);
      this.settle(undo, resources);
    } catch (error) {
      log.error(`${undo.name} failed`, { error });
      const left = stepFailure(error).left ?? [];
      for (const resource of undo.resources) if (resource.fate === 'made') resource.fate = 'leftover';
      this.settle(
        undo,
        left.map((resource) => ({ ...resource, fate: 'leftover' })),
      );
    }
  }

  /** Takes over what an undo says of resources, also of those that the step never told of. */
  settle(undo: Undo, resources: Resource[]): void {
    for (const resource of resources) {
      const known = undo.resources.find(({ id }) => id === resource.id);
      if (known) Object.assign(known, resource);
      else undo.resources.push(resource);
    }
    undo.over = true;
  }
}
