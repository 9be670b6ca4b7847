/** Ctrl-C pressed twice within this time is one press: npm passes on the signal that the terminal has sent as well. */
const samePressMs = 500;

export interface Interruption {
  /** Aborted by the first signal. */
  readonly signal: AbortSignal;
  /** Resolves with the first signal. */
  readonly asked: Promise<NodeJS.Signals>;
}

/** Listens for the wish to end. A second one ends the process at once, and its guarded children with it. */
export function listenForInterruption(): Interruption {
  const controller = new AbortController();
  let first = 0;
  const asked = new Promise<NodeJS.Signals>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      process.on(signal, () => {
        if (first !== 0) {
          if (performance.now() - first < samePressMs) return;
          process.exit(130);
        }
        first = performance.now();
        controller.abort();
        resolve(signal);
      });
    }
  });
  return { signal: controller.signal, asked };
}
