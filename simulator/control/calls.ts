/** One line of the call log. */
export interface CallRecord {
  /** ISO time with milliseconds. */
  readonly time: string;
  readonly service: string;
  readonly action: string;
  readonly region: string;
  readonly account: string;
  /** `OK`, an error code, or what the client met instead: `lost`, `http-502`. */
  readonly outcome: string;
  /** Whether the call changed (or read) what it was meant to, whatever the client was told. */
  readonly applied: boolean;
  readonly requestId: string;
  /** IDs of the resources that request and answer name. */
  readonly resources: readonly string[];
  /** Faults that fired on it. */
  readonly faults: readonly string[];
}

/** What `GET /_simulator/calls` can be narrowed by. */
export interface CallFilter {
  readonly action?: string;
  readonly region?: string;
  readonly account?: string;
  readonly since?: string;
}

/** The calls that match, oldest first. */
export function filterCalls(calls: readonly CallRecord[], filter: CallFilter): CallRecord[] {
  const since = filter.since === undefined ? '' : new Date(filter.since).toISOString();
  // Of a long log mostly the end is asked for, again and again.
  const before = calls.findLastIndex(({ time }) => time < since);
  return calls
    .slice(before + 1)
    .filter(
      (call) =>
        (filter.action === undefined || call.action === filter.action) &&
        (filter.region === undefined || call.region === filter.region) &&
        (filter.account === undefined || call.account === filter.account),
    );
}

const resourceId = /\b(?:ins|img|snap|disk|skey|vpc|subnet|sg)-[0-9a-z]{8}\b/g;

/** The resource IDs that a text names, each once. */
export function resourcesIn(text: string, limit = 100): string[] {
  return [...new Set(text.match(resourceId) ?? [])].slice(0, limit);
}
