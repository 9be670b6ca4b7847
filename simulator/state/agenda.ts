import { type Happening } from './records';

type Entry = Pick<Happening, 'id' | 'at'>;

const before = (one: Entry, other: Entry): boolean => one.at < other.at || (one.at === other.at && one.id < other.id);

/** What will happen, the next first: a binary heap, so that it stays quick however much is on its way. */
export class Agenda {
  private readonly heap: Entry[] = [];

  /** The next of them. Some may have been cancelled since. */
  get first(): Entry | undefined {
    return this.heap[0];
  }

  add(entry: Entry): void {
    const { heap } = this;
    let at = heap.push(entry) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!before(entry, heap[parent]!)) break;
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = entry;
  }

  /** Takes the next of them off. */
  take(): Entry | undefined {
    const { heap } = this;
    const first = heap[0];
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return first;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && before(heap[child + 1]!, heap[child]!)) child++;
      if (!before(heap[child]!, last)) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = last;
    return first;
  }

  clear(): void {
    this.heap.length = 0;
  }
}
