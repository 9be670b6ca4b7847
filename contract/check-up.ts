/** What `checkUp` is asked: the region to look at, by default the first that the worker allows, else ap-guangzhou. */
export interface CheckUpInput {
  region?: string | undefined;
}

/** A worker as it describes itself. Nothing in it is secret. */
export interface WorkerFacts {
  /** Of this package. */
  version: string;
  /** As Temporal knows the process: pid@host. */
  identity: string;
  /** Of Node.js. */
  node: string;
  installation: string;
  /** URL of the cloud's API; absent for the SDK's default, the real cloud. */
  endpoint?: string | undefined;
  allow: {
    /** Absent: every region. */
    regions?: string[] | undefined;
    /** Tag that a source instance must carry. Absent: none. */
    sourceTag?: { key: string; value?: string | undefined } | undefined;
    roles: string[];
  };
  /** Names that a spec may give as `notify`. */
  webhooks: string[];
}

/** Whether something is as it should be; `unknown` when it cannot be told without changing something. */
export type Health = 'ok' | 'wrong' | 'unknown';

/** One finding about the worker's access to the cloud. */
export interface Finding {
  /** `credentials`, `region`, `quota`, `role`, or the name of an API action. */
  name: string;
  kind: 'access' | 'permission';
  health: Health;
  /** What was found, in one line. */
  found: string;
  /** What to do. */
  advice?: string | undefined;
  /** The cloud's own code, where it refused. */
  code?: string | undefined;
  requestId?: string | undefined;
}

/** Answer of the workflow `checkUp`. */
export interface CheckUpReport {
  worker: WorkerFacts;
  region: string;
  /** Account (UIN) that the credentials belong to. */
  account?: string | undefined;
  /** Custom images of the region, and how many there may be. */
  images?: { used: number; total: number } | undefined;
  findings: Finding[];
}

export interface CheckUpActivities {
  /** Lets the worker examine itself and its access to the cloud. Never changes anything. */
  examineWorker(input: CheckUpInput): Promise<CheckUpReport>;
}
