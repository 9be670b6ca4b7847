import type { UpdateDefinition } from '@temporalio/common';
import { once } from './once';
import type { StepName } from './progress';
import { type BuildSpec, type BuildSpecInput } from './spec';
import { checkAgainst, checkSpec, type SpecCheck, type SpecProblem } from './spec-errors';
import { z } from './zod';

/**
 * What people may do with a build that runs. Updates, written out like the query: `defineUpdate` lives in the workflow
 * package, which a client has no use for. Cancelling is Temporal's own.
 */
export const update = <Result, Args extends unknown[]>(name: string) =>
  ({ type: 'update', name }) as UpdateDefinition<Result, Args>;

/** What a retry may change. What is left out stays as it is; `tags` replace the tags, `launch` is merged key by key. */
export interface Amendment {
  name?: string | undefined;
  description?: string | undefined;
  tags?: Record<string, string> | undefined;
  launch?: Partial<NonNullable<BuildSpecInput['launch']>> | undefined;
}

/** What a retry will do. */
export interface RetryAnswer<Name extends string = StepName> {
  /** The step that it begins with. */
  from: Name;
  /** Whether the source is shut down once more. */
  secondDownTime: boolean;
}

/** Update: tries the failed step of a held build again. Refused when the build is not held. `{}` changes nothing. */
export const retryStepUpdate = update<RetryAnswer, [amendment: Amendment]>('retryStep');

export interface PauseRequest {
  /** Shown while the build is paused. */
  reason?: string | undefined;
}

/** Where a pause takes effect: the step before which the build will stand. */
export interface PauseAnswer {
  before: StepName;
}

/** Update: pauses the build at the next place where its source is up. Refused when there is no such place any more. */
export const pauseUpdate = update<PauseAnswer, [request: PauseRequest]>('pause');

/** Update: lets a paused build go on. */
export const resumeUpdate = update<undefined, []>('resume');

export interface Extension {
  /** The whole build, the time for which it is held or waits for image quota, or a step that is not over. Default: `build`. */
  of?: 'build' | 'hold' | 'room' | StepName | undefined;
  /** How much later, in seconds. */
  seconds: number;
}

/** Update: puts a deadline off. A step that is waiting goes on waiting, under its new deadline. */
export const extendDeadlineUpdate = update<undefined, [extension: Extension]>('extendDeadline');

export const amendmentSchema = once(() =>
  z.strictObject({
    name: z.string().optional(),
    description: z.string().optional(),
    tags: z.record(z.string(), z.string()).optional(),
    launch: z.record(z.string(), z.unknown()).optional(),
  }),
);

export type AmendmentCheck = SpecCheck;

/**
 * The spec with an amendment applied, checked like any spec. Never throws.
 *
 * @param committed whether the image is there already, so that only the launch can still be changed
 */
export function amendSpec(spec: BuildSpec, amendment: unknown, committed: boolean): AmendmentCheck {
  const check = checkAgainst(amendmentSchema(), amendment ?? {});
  if (!check.ok) return check;
  const { launch, ...image } = check.spec;
  const problems: SpecProblem[] = [];
  if (committed) {
    for (const key of Object.keys(image)) {
      problems.push({ path: key, message: 'the image is made already; only launch can be amended' });
    }
  }
  if (launch && !spec.launch) problems.push({ path: 'launch', message: 'this build launches nothing' });
  if (problems.length > 0) return { ok: false, problems };
  return checkSpec({
    ...spec,
    image: { ...spec.image, ...image },
    ...(launch ? { launch: { ...spec.launch, ...launch } } : {}),
  });
}
