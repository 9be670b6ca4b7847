/**
 * Makes something when it is first asked for; whoever asks later gets the same. Schemas are made this way: to make all of them
 * takes tens of milliseconds, for each workflow anew, and most need one or none.
 */
export function once<T extends object>(make: () => T): () => T {
  let made: T | undefined;
  return () => (made ??= make());
}
