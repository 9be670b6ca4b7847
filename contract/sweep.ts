import type { QueryDefinition } from '@temporalio/common';
import { duration, heartbeatTimeout } from './duration';
import { once } from './once';
import type { ResourceType } from './resources';
import { regionSchema, roleArnSchema } from './spec';
import { checkAgainst, type SpecCheck } from './spec-errors';
import type { BuildRef } from './steps';
import { z } from './zod';

/** Name of the workflow type that puts right what builds left that did not live to their end. */
export const sweepWorkflowType = 'sweepLeftovers';

/** One sweep of a region acts at a time; a schedule appends its time to the ID. It is also the ID of the schedule. */
export const sweepWorkflowId = (region: string) => `sweep-leftovers/${region}`;

/** What a sweep is asked to do. */
export const sweepSchema = once(() =>
  z.strictObject({
    region: regionSchema(),
    /** False: only look and list. */
    apply: z.boolean().default(false),
    /** For how long a build must have been over, and a resource there, before anything is deleted. Seconds, or text such as `2h`. */
    grace: duration(0).default(3600),
    /** In seconds. */
    deadlines: z
      .strictObject({
        findLeftovers: duration(1).default(900),
        /** How long it is tried to put right what one build left; the next sweep tries again. */
        putRight: duration(1).default(3600),
        heartbeat: heartbeatTimeout(),
      })
      .prefault({}),
    roleArn: roleArnSchema().optional(),
  }),
);
export type SweepInput = z.input<ReturnType<typeof sweepSchema>>;
export type SweepSpec = z.output<ReturnType<typeof sweepSchema>>;

/** Checks and normalises what a sweep is asked. Never throws. */
export function checkSweep(input: unknown): SpecCheck<SweepSpec> {
  return checkAgainst(sweepSchema(), input);
}

/** Something that carries the tags of a build which is no longer at work, or of which nobody knows. */
export interface Leftover {
  type: ResourceType;
  id: string;
  /** The build or launch that its tag names. */
  buildId: string;
  /** GiB; of an instance there is none. */
  size?: number | undefined;
  /** Name of an image, disk of a snapshot, state of an instance. */
  note?: string | undefined;
  /** ISO 8601, UTC. */
  createdAt?: string | undefined;
  /** What a sweep does about it; `report`: nothing, it is only told. */
  plan: 'delete' | 'start' | 'report';
  /** Why. */
  reason: string;
  /** What came of it; absent until it has been tried. `unclaimed`: a source that nobody owes a start any more, so nothing was done. */
  outcome?: 'deleted' | 'started' | 'gone' | 'unclaimed' | 'left' | undefined;
  /** Why it was left. */
  problem?: string | undefined;
}

/** What a sweep found, and what it did about it. Also the answer of the query `sweep`. */
export interface SweepReport {
  region: string;
  installation: string;
  applied: boolean;
  /** Seconds. */
  grace: number;
  /** Builds and launches that are at work: what carries their tags is not a leftover, and not listed. */
  openBuilds: string[];
  leftovers: Leftover[];
}

/** What it has found and done so far; undefined until it has looked. */
export const sweepQuery = { type: 'query', name: 'sweep' } as QueryDefinition<SweepReport | undefined>;

/** What one build left, by kind; all of it is to go. */
export interface Abandoned {
  images: string[];
  snapshots: string[];
  instances: string[];
  disks: string[];
}

/** The activities of a sweep. All are safe to run twice. */
export interface SweepActivities {
  findLeftovers(input: {
    build: BuildRef;
    grace: number;
  }): Promise<{ installation: string; accountId: string; openBuilds: string[]; leftovers: Leftover[] }>;
  /** `build` is the build that left it. */
  restoreAbandoned(input: { build: BuildRef; grace: number }): Promise<{
    outcome: 'running' | 'gone' | 'untouched';
    tagLeft?: string | undefined;
  }>;
  removeLeftovers(input: { build: BuildRef; grace: number; abandoned: Abandoned }): Promise<{
    outcomes: { id: string; outcome: 'deleted' | 'left'; problem?: string | undefined }[];
  }>;
}
