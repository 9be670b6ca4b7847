/** The workflow's own clock, which stands still during replay. ISO 8601, UTC. */
export const now = () => new Date().toISOString();

/** Seconds between two times in ISO 8601. */
export const secondsBetween = (from: string, to: string) => (Date.parse(to) - Date.parse(from)) / 1000;
