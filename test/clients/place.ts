/** Where a round works. */
export interface Place {
  readonly port: number;
  readonly region: string;
  /** Where copies go. */
  readonly otherRegion: string;
  /** A running instance with one data disk. */
  readonly instanceId: string;
  /** An account that images are shared with. */
  readonly otherAccount: string;
}

/** The place as the rounds in other languages read it. */
export function placeVariables(place: Place): Record<string, string> {
  return {
    ROUND_ENDPOINT: `127.0.0.1:${place.port}`,
    ROUND_REGION: place.region,
    ROUND_OTHER_REGION: place.otherRegion,
    ROUND_INSTANCE: place.instanceId,
    ROUND_OTHER_ACCOUNT: place.otherAccount,
  };
}

/** Asks until there is an answer; fails after 60 seconds. */
export async function until<T>(what: string, look: () => Promise<T | undefined>): Promise<T> {
  const deadline = Date.now() + 60_000;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    if (Date.now() > deadline) throw new Error(`waited in vain for: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
