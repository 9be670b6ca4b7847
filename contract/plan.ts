import type { StepName } from './progress';
import type { Resource, ResourceType } from './resources';
import type { BuildSpec } from './spec';
import type { BuildActivities, CreateImageInput, Disk, QuotaFacts, SourceFacts } from './steps';

/** One thing that a build would be refused for, in the words of that build. */
export interface PlanProblem {
  /** The step that it would stop; `start` when it would not even begin. */
  step: StepName | 'start';
  /** The cloud's own code, or one of ours. */
  code: string;
  message: string;
  /** What to do about it. */
  advice?: string | undefined;
  requestId?: string | undefined;
}

/** Something that a build would make and keep. */
export interface PlannedResource {
  type: ResourceType;
  /** Its name, where the build gives it one; `{build}` stands for the ID of a build that has not begun. */
  name?: string | undefined;
  /** GiB. */
  size?: number | undefined;
  /** What it is for: the disk of a snapshot. */
  note?: Resource['note'];
}

export interface PlannedStep {
  step: StepName;
  /** What would happen, in one line. */
  does: string;
  /** There is nothing for it to do. */
  skipped?: boolean;
  makes: PlannedResource[];
}

/** A change that the cloud was asked about by a DryRun. */
export interface DryRun {
  /** API action, such as CreateImage. */
  action: string;
  /** `unasked`: it could not be asked about now; `why` says so. */
  answer: 'accepted' | 'refused' | 'unasked';
  why?: string | undefined;
}

/** Answer of the workflow `planBuild`. */
export interface BuildPlan {
  region: string;
  instanceId: string;
  /** As a build that began now would call the image; `{build}` is filled in with an ID of the same length. */
  imageName: string;
  method: BuildSpec['method'];
  /** Absent when the source could not be inspected; nothing can be said about the steps then. */
  source?: SourceFacts | undefined;
  /** The source is busy: a build would wait for the end of this first. */
  busy?: string | undefined;
  quota?: QuotaFacts | undefined;
  dryRuns: DryRun[];
  /** In the order in which a build would meet them: it would end with the first. */
  problems: PlanProblem[];
  /** In the order in which they would run. */
  steps: PlannedStep[];
}

export interface InspectionOutcome {
  source?: SourceFacts | undefined;
  busy?: string | undefined;
  dryRuns: DryRun[];
  problems: PlanProblem[];
}

/** The activities of a plan. None changes anything: they look, and ask by DryRun. */
export interface PlanActivities extends Pick<BuildActivities, 'checkQuota'> {
  /** The checks of `inspectSource`, all of them instead of up to the first refusal. */
  inspectForPlan(input: Parameters<BuildActivities['inspectSource']>[0]): Promise<InspectionOutcome>;
  /** CreateImage with DryRun, as `createImage` would ask. */
  dryRunImage(input: CreateImageInput): Promise<{ dryRun: DryRun; problem?: PlanProblem | undefined }>;
}

/** The disks that a build takes a snapshot of: the data disks unless they go inside the image, and for an image of snapshots the system disk. */
export function disksToSnapshot(spec: Pick<BuildSpec, 'method' | 'dataDisks'>, source: SourceFacts): Disk[] {
  const inside = spec.dataDisks === 'include' && spec.method === 'instance';
  return [...(spec.method === 'snapshots' ? [source.systemDisk] : []), ...(inside ? [] : source.dataDisks)];
}
