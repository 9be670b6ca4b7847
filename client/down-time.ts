import type { Client } from '@temporalio/client';
import {
  type BuildResult,
  type BuildSpec,
  checkSpec,
  disksToSnapshot,
  formatSeconds,
  type ImageMethod,
  type SourceFacts,
  type StepName,
} from '../contract';
import { type BuildSummary, findBuilds, quoted } from './list-builds';
import { specOf } from './spec-of';

/** How long a source would be down, and how that is known. Seconds; what nobody can tell is absent. */
export interface DownTime {
  method: ImageMethod;
  /** `measured`: builds like this one took so long. `estimated`: worked out. `none`: the source is stopped anyway. */
  basis: 'measured' | 'estimated' | 'none';
  leastSeconds?: number;
  /** In the middle of what was measured. */
  typicalSeconds?: number;
  mostSeconds?: number;
  /** Where the figures come from, in words. */
  from: string[];
  /** Build IDs of the builds that were measured. */
  builds: string[];
}

const methods: ImageMethod[] = ['instance', 'snapshots'];
const callLimitMs = 5000;

/** CVM's own documentation: making an image takes ten minutes or more. It has no figure for stop, start and snapshots. */
const documentedImageSeconds = 600;

/**
 * How long the source would be down, for each method: as completed builds of the same instance, else of the image family,
 * else of the region took; else from the steps of builds of the instance by the other method; else from the documentation.
 */
export async function downTimes(client: Client, spec: BuildSpec, source: SourceFacts): Promise<DownTime[]> {
  if (!source.wasRunning) {
    return methods.map((method) => ({ method, basis: 'none', from: ['the source is stopped anyway'], builds: [] }));
  }
  const found = new Map<ImageMethod, DownTime>();
  const past = new PastBuilds(client);
  const places: [string, string, number][] = [
    ['this instance', `SourceInstanceId = ${quoted(spec.instanceId)}`, 10],
    ...(spec.image.family === undefined
      ? []
      : [
          [`image family ${spec.image.family}`, `ImageFamily = ${quoted(spec.image.family)}`, 10] as [
            string,
            string,
            number,
          ],
        ]),
    [`other instances in ${spec.region}`, `ImageRegion = ${quoted(spec.region)}`, 20],
  ];
  for (const [whose, condition, limit] of places) {
    const missing = methods.filter((method) => !found.has(method));
    if (missing.length === 0) break;
    const builds = await past.find([condition, `ImageRegion = ${quoted(spec.region)}`], limit);
    for (const method of missing) {
      const alike = builds.filter((build) => isAlike(build.spec, spec, method));
      const timed = alike.filter(({ result }) => downTimeOf(result) !== undefined);
      if (timed.length > 0) found.set(method, measured(method, whose, timed));
    }
    // The other method's builds of the very same disks tell more than other servers.
    if (whose === 'this instance') {
      for (const method of missing.filter((one) => !found.has(one))) {
        const worked = fromSteps(method, spec, builds);
        if (worked) found.set(method, worked);
      }
    }
  }
  return methods.map((method) => found.get(method) ?? documented(method, spec, source));
}

interface PastBuild {
  buildId: string;
  spec: BuildSpec;
  result: BuildResult;
}

/** Completed builds with their specs and results; each is read once. */
class PastBuilds {
  private readonly read = new Map<string, Promise<PastBuild | undefined>>();

  constructor(private readonly client: Client) {}

  async find(conditions: string[], limit: number): Promise<PastBuild[]> {
    const completed = await findBuilds(this.client, [...conditions, `ExecutionStatus = 'Completed'`], limit);
    const builds = await Promise.all(
      completed.map((summary) => {
        const known = this.read.get(summary.runId) ?? this.readOne(summary);
        this.read.set(summary.runId, known);
        return known;
      }),
    );
    return builds.filter((build) => build !== undefined);
  }

  /** One whose history is gone, or whose spec is of another time, tells nothing. */
  private async readOne({ workflowId, runId, buildId }: BuildSummary): Promise<PastBuild | undefined> {
    try {
      const [input, result] = await this.client.withDeadline(Date.now() + callLimitMs, () =>
        Promise.all([
          specOf(this.client, workflowId, runId),
          this.client.workflow.getHandle(workflowId, runId).result() as Promise<BuildResult>,
        ]),
      );
      const check = checkSpec(input);
      return check.ok ? { buildId, spec: check.spec, result } : undefined;
    } catch {
      return undefined;
    }
  }
}

/** Whether a build kept its source down for the same things as this spec would by the method. */
function isAlike(past: BuildSpec, spec: BuildSpec, method: ImageMethod): boolean {
  const disks = ({ dataDisks }: BuildSpec) => (Array.isArray(dataDisks) ? 'snapshot' : dataDisks);
  const early = (one: BuildSpec) => method === 'instance' && one.restartSource === 'when-allowed';
  return past.method === method && disks(past) === disks(spec) && early(past) === early(spec);
}

function rangeOf(seconds: number[]) {
  const sorted = [...seconds].sort((a, b) => a - b);
  return {
    leastSeconds: sorted[0]!,
    typicalSeconds: sorted[Math.floor((sorted.length - 1) / 2)]!,
    mostSeconds: sorted.at(-1)!,
  };
}

const counted = (builds: number) => (builds === 1 ? 'one build' : `${builds} builds`);

/** Seconds that one try kept the source down: of a build that was tried again, the try that came to its end. */
const downTimeOf = ({ source }: BuildResult) => source.downTimes?.at(-1) ?? source.downTimeSeconds;

function measured(method: ImageMethod, whose: string, timed: PastBuild[]): DownTime {
  const seconds = timed.map(({ result }) => downTimeOf(result)!);
  const builds = timed.map(({ buildId }) => buildId);
  return { method, basis: 'measured', ...rangeOf(seconds), from: [`${counted(timed.length)} of ${whose}`], builds };
}

/** The steps that a source is down for. */
function stepsDown(method: ImageMethod): StepName[] {
  const image: StepName[] = method === 'instance' ? ['createImage', 'pollImage'] : [];
  return ['shutdownInstance', 'snapshotDisks', ...image, 'restoreInstance'];
}

/** Puts a down-time together from the steps of builds of the same disks by the other method. */
function fromSteps(method: ImageMethod, spec: BuildSpec, builds: PastBuild[]): DownTime | undefined {
  const other = method === 'instance' ? 'snapshots' : 'instance';
  // When the source comes back before its image is ready, nobody has measured when.
  if (method === 'instance' && spec.restartSource === 'when-allowed') return undefined;
  const alike = builds.filter((build) => isAlike(build.spec, spec, other) && build.result.source.wasRunning);
  const seconds = alike.map(({ result }) => {
    const took = new Map(result.steps.map(({ step, seconds: each }) => [step, each]));
    // Without snapshots of data disks there is none that could stand for the system disk's.
    if (!took.has('snapshotDisks') || !took.has('restoreInstance')) return undefined;
    return stepsDown(method).reduce((sum, step) => sum + (took.get(step) ?? 0), 0);
  });
  const known = seconds.filter((one) => one !== undefined);
  if (known.length === 0) return undefined;
  return {
    method,
    basis: 'estimated',
    ...rangeOf(known),
    from: [`the steps of ${counted(known.length)} of this instance by method ${other}`],
    builds: alike.filter((_, index) => seconds[index] !== undefined).map(({ buildId }) => buildId),
  };
}

/** What can be said of a source that nobody has measured: what the documentation has, and the build's own deadlines. */
function documented(method: ImageMethod, spec: BuildSpec, source: SourceFacts): DownTime {
  const { deadlines, restartSource } = spec;
  const early = method === 'instance' && restartSource === 'when-allowed';
  const imaged = method === 'instance' && !early;
  const disks = disksToSnapshot({ method, dataDisks: spec.dataDisks }, source);
  const limits = [
    deadlines.shutdownInstance,
    disks.length > 0 ? deadlines.snapshotDisks : 0,
    method === 'instance' ? deadlines.createImage + deadlines.pollImage : 0,
  ];
  const mostSeconds = Math.min(
    limits.reduce((sum, limit) => sum + limit, 0),
    deadlines.build,
  );
  const size = disks.reduce((sum, disk) => sum + disk.size, 0);
  const reasons = [
    ...(imaged ? [`the cloud documents ${formatSeconds(documentedImageSeconds)} or more for an image`] : []),
    ...(early ? ['when the cloud lets go of a source is not documented'] : []),
    ...(disks.length > 0 ? [`no figure is documented for snapshots (${size} GiB here)`] : []),
    `after ${formatSeconds(mostSeconds)} the build's deadlines end it and start the source again`,
  ];
  return {
    method,
    basis: 'estimated',
    ...(imaged ? { leastSeconds: documentedImageSeconds } : {}),
    mostSeconds,
    from: reasons,
    builds: [],
  };
}
