import { workflowInfo } from '@temporalio/workflow';
import { type BuildRef, type BuildSpec, formatSeconds, type Notification } from '../contract';
import { activitiesOf } from './build-activities';

interface About {
  spec: BuildSpec;
  ref: BuildRef;
  imageName: string;
}

type Story = Omit<Notification['data'], 'workflowId' | 'runId' | keyof BuildRef | 'imageName'>;

/** How long a webhook that cannot be reached is tried again, in seconds. */
const patience = 86_400;

/** Tells the webhook that the spec names, if any. Nothing waits for it, and nothing fails with it. */
export class Notices {
  private count = 0;

  constructor(private readonly build: About) {}

  held(story: Story, holdSeconds: number): void {
    const until = new Date(Date.now() + holdSeconds * 1000).toISOString();
    this.send('build.held', { ...story, until });
  }

  /** Tells when the source has been down for longer than the spec likes; undefined when there is nobody to tell. */
  alarm(): { seconds: number; call: (message: string) => void } | undefined {
    const { notify, deadlines } = this.build.spec;
    if (notify === undefined) return undefined;
    const advice = 'Look at the build: an activity that was paused in Temporal does not start the source by itself.';
    return {
      seconds: deadlines.sourceDown,
      call: (message) => this.send('build.source-down', { message, advice }),
    };
  }

  private send(type: Notification['type'], about: Story): void {
    const { spec, ref, imageName } = this.build;
    if (spec.notify === undefined) return;
    const { buildId, region, instanceId } = ref;
    this.count += 1;
    void tell(spec, ref, this.count, type, { buildId, region, instanceId, imageName, ...about });
  }
}

/**
 * Tells the webhook that a spec or a pipeline names, if any. Nothing fails with it. An activity dies with its run: what is told at
 * the end has to be waited for.
 *
 * @param count which event of this run it is
 */
export function tell(
  spec: { notify?: string | undefined; deadlines: { heartbeat: number } },
  ref: BuildRef,
  count: number,
  type: Notification['type'],
  about: Omit<Notification['data'], 'workflowId' | 'runId'>,
): Promise<void> {
  if (spec.notify === undefined) return Promise.resolve();
  const { workflowId, runId } = workflowInfo();
  const summary = `tell ${spec.notify}: ${type} (tried for ${formatSeconds(patience)})`;
  return (
    activitiesOf(spec, { summary, deadline: patience })
      .notify({
        build: ref,
        webhook: spec.notify,
        id: `${runId}-${count}`,
        notification: { type, timestamp: new Date().toISOString(), data: { workflowId, runId, ...about } },
      })
      // A failure shows in the history, which is all that can be done about it.
      .then(
        () => undefined,
        () => undefined,
      )
  );
}
