/** How the activities of one worker behave. Everything comes from the worker's configuration (docs/worker.md). */
export interface ActivitySettings {
  /** Name of this installation; part of every tag, so that two on one account never touch each other's resources. */
  installation: string;
  /** Where the cloud's API is, as a URL that may contain `{service}`. Unset: the SDK's default, the real cloud. */
  endpoint?: string | undefined;
  /** What may be imaged at all, whoever reaches Temporal. Absent: no limit. */
  allow: {
    regions?: string[] | undefined;
    /** A tag that a source instance must carry. */
    sourceTag?: { key: string; value?: string | undefined } | undefined;
    /** ARNs of the roles that a spec may name. */
    roles: string[];
  };
  /** Webhooks that a spec may name, each with the key that its deliveries are signed with. */
  webhooks: Record<string, { url: string; key?: string | undefined }>;
  /** Seconds between two looks at something that is waited for. */
  waits: {
    /** Where the API gives a percentage: bounds of half of the time that it predicts is left. */
    percentMinSeconds: number;
    percentMaxSeconds: number;
    /** Elsewhere: `growth` times the time already waited, within these bounds. */
    minSeconds: number;
    maxSeconds: number;
    growth: number;
  };
  /** How long look-ups must stay empty before a change of unknown outcome counts as not made. Longer than describes lag. */
  settleSeconds: number;
  /** Pauses after refusals that pass: throttling, network, busy; and after those that a person must mend. */
  backoff: { minSeconds: number; maxSeconds: number; blockedSeconds: number };
  /** Share of the published request rates that this worker allows itself, 0 to 1. */
  budgetShare: number;
  requestTimeoutSeconds: number;
}
