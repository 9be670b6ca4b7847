/** Calls that a `pause` holds, by the fault that holds them. They live in this process only, like their connections. */
export class Pauses {
  private readonly waiting = new Map<string, Set<() => void>>();

  /** Resolves when somebody releases the fault, or after so many milliseconds. */
  async wait(fault: string, milliseconds: number | undefined): Promise<void> {
    let held = this.waiting.get(fault);
    if (held === undefined) this.waiting.set(fault, (held = new Set()));
    const calls = held;
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      const go = (): void => {
        calls.delete(go);
        resolve();
      };
      calls.add(go);
      if (milliseconds !== undefined) timer = setTimeout(go, milliseconds);
    });
    clearTimeout(timer);
  }

  /** How many calls the fault holds at present. */
  count(fault: string): number {
    return this.waiting.get(fault)?.size ?? 0;
  }

  /** Lets the calls go on that the fault holds; says how many they were. */
  release(fault: string): number {
    const calls = [...(this.waiting.get(fault) ?? [])];
    for (const go of calls) go();
    return calls.length;
  }

  /** Lets every call go on. */
  releaseAll(): void {
    for (const fault of this.waiting.keys()) this.release(fault);
  }
}
