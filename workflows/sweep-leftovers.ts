import {
  isCancellation,
  setCurrentDetails,
  setHandler,
  upsertSearchAttributes,
  workflowInfo,
} from '@temporalio/workflow';
import {
  type Abandoned,
  type BuildRef,
  checkSweep,
  instanceIdOf,
  type Leftover,
  type ResourceType,
  searchAttributes,
  type SweepInput,
  sweepQuery,
  type SweepReport,
  type SweepSpec,
} from '../contract';
import { activitiesOf } from './build-activities';
import { accepted } from './checked-spec';
import { stepFailure } from './failures';
import { told } from './read-images';
import { sweepDetails } from './sweep-details';

/** What came of a source that was to be started. */
const startOutcomes = { running: 'started', gone: 'gone', untouched: 'unclaimed' } as const;

/** Builds that are put right at a time. */
const together = 5;

/**
 * Finds what builds left that did not live to their end, and (`apply`) puts it right: starts source instances that are owed a
 * start, then deletes what is provably abandoned.
 *
 * What cannot be put right is listed with the reason, and the next sweep tries again: one that fails is no failure of the
 * sweep. It fails only when it cannot look. Cancelling it leaves what is not done yet.
 */
export async function sweepLeftovers(input: SweepInput): Promise<SweepReport> {
  const spec = accepted(checkSweep(input));
  const sweep = new Sweep(spec);
  await sweep.look();
  if (spec.apply) {
    await sweep.startSources();
    await sweep.deleteRest();
  }
  return sweep.report!;
}

class Sweep {
  report: SweepReport | undefined;
  private accountId: string | undefined;

  constructor(private readonly spec: SweepSpec) {
    setHandler(sweepQuery, () => this.report, { description: 'What it has found, and what came of it so far' });
    upsertSearchAttributes([{ key: searchAttributes.ImageRegion, value: spec.region }]);
    setCurrentDetails(`Looking for what builds left in ${spec.region}.`);
  }

  async look(): Promise<void> {
    const { region, grace, apply, deadlines } = this.spec;
    const about = { summary: `what builds left in ${region}`, deadline: deadlines.findLeftovers };
    const build = this.refOf(`sweep-${workflowInfo().firstExecutionRunId.slice(-12)}`);
    const { installation, accountId, openBuilds, leftovers } = await told(
      activitiesOf(this.spec, about).findLeftovers({ build, grace }),
    );
    this.accountId = accountId;
    this.report = { region, installation, applied: apply, grace, openBuilds, leftovers };
    this.show();
  }

  /** Servers first: somebody may miss them. */
  async startSources(): Promise<void> {
    const sources = this.planned('start');
    await inGroups(sources, async (source) => {
      const { id, buildId } = source;
      await this.attempt([source], async () => {
        const activities = activitiesOf(this.spec, this.about(`start ${id}, which build ${buildId} left down`));
        const build = { ...this.refOf(buildId), instanceId: id };
        const { outcome, tagLeft } = await activities.restoreAbandoned({ build, grace: this.spec.grace });
        source.outcome = startOutcomes[outcome];
        if (tagLeft !== undefined) source.problem = `the restore tag is still there: ${tagLeft}`;
      });
    });
  }

  /** What one build left goes together: the image before its snapshots. */
  async deleteRest(): Promise<void> {
    const doomed = this.planned('delete');
    const buildIds = [...new Set(doomed.map(({ buildId }) => buildId))];
    await inGroups(buildIds, async (buildId) => {
      const all = doomed.filter((one) => one.buildId === buildId);
      await this.attempt(all, async () => {
        const activities = activitiesOf(this.spec, this.about(`delete ${all.length} leftovers of ${buildId}`));
        const build = this.refOf(buildId);
        const { outcomes } = await activities.removeLeftovers({
          build,
          grace: this.spec.grace,
          abandoned: byKind(all),
        });
        for (const { id, outcome, problem } of outcomes) {
          const leftover = all.find((one) => one.id === id) ?? this.unforeseen(id, buildId);
          Object.assign(leftover, { outcome, ...(problem === undefined ? {} : { problem }) });
        }
      });
    });
  }

  private planned(plan: Leftover['plan']): Leftover[] {
    return this.report!.leftovers.filter((one) => one.plan === plan);
  }

  private async attempt(leftovers: Leftover[], act: () => Promise<void>): Promise<void> {
    try {
      await act();
    } catch (error) {
      if (isCancellation(error)) throw error;
      const { message } = stepFailure(error);
      for (const one of leftovers) Object.assign(one, { outcome: 'left', problem: message });
    }
    this.show();
  }

  /** A snapshot that the cloud made for a deleted image, and that did not go with it. */
  private unforeseen(id: string, buildId: string): Leftover {
    const leftover: Leftover = { type: 'snapshot', id, buildId, plan: 'delete', reason: 'its image is deleted' };
    this.report!.leftovers.push(leftover);
    return leftover;
  }

  private about(summary: string): { summary: string; deadline: number } {
    return { summary, deadline: this.spec.deadlines.putRight };
  }

  /** Activities of an earlier run, or of the build itself, may have been at work on the same. */
  private refOf(buildId: string): BuildRef {
    const { region, roleArn } = this.spec;
    return {
      buildId,
      region,
      instanceId: instanceIdOf(buildId) ?? '',
      reset: true,
      roleArn,
      accountId: this.accountId,
    };
  }

  private show(): void {
    setCurrentDetails(sweepDetails(this.report!));
  }
}

function byKind(leftovers: Leftover[]): Abandoned {
  const ids = (type: ResourceType) => leftovers.filter((one) => one.type === type).map(({ id }) => id);
  return { images: ids('image'), snapshots: ids('snapshot'), instances: ids('instance'), disks: ids('disk') };
}

async function inGroups<T>(all: T[], work: (one: T) => Promise<void>): Promise<void> {
  for (let start = 0; start < all.length; start += together) {
    await Promise.all(all.slice(start, start + together).map(work));
  }
}
