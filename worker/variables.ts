import { z } from 'zod';
import { defaultTaskQueue } from '../contract';

const number = (minimum: number, maximum = Infinity) => {
  const error = `expected a number ${maximum === Infinity ? `from ${minimum}` : `from ${minimum} to ${maximum}`}`;
  // Number('') is 0, which nobody means by an empty variable.
  const text = z.string().trim().min(1, { error });
  return text.transform(Number).pipe(z.number({ error }).min(minimum, { error }).max(maximum, { error }));
};
const whole = (minimum: number) => number(minimum).pipe(z.number().int({ error: 'expected a whole number' }));
const list = z.string().transform((text) =>
  text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== ''),
);

interface Variable {
  schema: z.ZodType<unknown, string>;
  /** What holds without it, as people read it. */
  default: string;
  about: string;
}

/**
 * Every setting of the worker that is ours; Temporal's and the cloud's own variables keep their own names. An allow list
 * that is set but empty is refused: it could be meant as "nothing" or as "everything".
 */
export const variables = {
  CVM_IMAGE_TASK_QUEUE: {
    schema: z.string().min(1, { error: 'is empty' }),
    default: defaultTaskQueue,
    about: 'Task queue that the worker polls. Whoever starts builds names the same one.',
  },
  CVM_IMAGE_INSTALLATION: {
    schema: z.string().regex(/^[A-Za-z0-9._-]{1,60}$/, { error: 'expected 1 to 60 letters, digits, dots, dashes' }),
    default: 'the Temporal namespace',
    about: 'Name of this installation, part of every tag: two on one account never touch what is not theirs.',
  },
  CVM_IMAGE_ALLOW_REGIONS: {
    schema: list.refine((regions) => regions.length > 0, { error: 'is empty; unset it to allow every region' }),
    default: 'every region',
    about: 'Regions that may be built in: ap-guangzhou,ap-singapore.',
  },
  CVM_IMAGE_ALLOW_SOURCE_TAG: {
    schema: z
      .string()
      .regex(/^[^=]+(=.*)?$/, { error: 'expected key or key=value; unset it to allow every instance' })
      .transform((text) => {
        const [key = '', ...value] = text.split('=');
        return value.length === 0 ? { key } : { key, value: value.join('=') };
      }),
    default: 'every instance',
    about: 'Tag that a source instance must carry: key=value, or key for any value.',
  },
  CVM_IMAGE_ALLOW_ROLES: {
    schema: list,
    default: 'none',
    about: 'ARNs of the roles that a spec may name (roleArn), with commas between them.',
  },
  CVM_IMAGE_WAIT_MIN_SECONDS: {
    schema: number(0.01),
    default: '2',
    about: 'Shortest pause between two looks at what is waited for.',
  },
  CVM_IMAGE_WAIT_MAX_SECONDS: { schema: number(0.01), default: '30', about: 'Longest pause between two looks.' },
  CVM_IMAGE_WAIT_GROWTH: {
    schema: number(0, 1),
    default: '0.05',
    about: 'The pause as a share of the time waited already, within these bounds.',
  },
  CVM_IMAGE_WAIT_PERCENT_MIN_SECONDS: {
    schema: number(0.01),
    default: '1',
    about: 'Shortest pause where the cloud tells a percentage; the pause is half of what that predicts.',
  },
  CVM_IMAGE_WAIT_PERCENT_MAX_SECONDS: {
    schema: number(0.01),
    default: '30',
    about: 'Longest pause where the cloud tells a percentage.',
  },
  CVM_IMAGE_SETTLE_SECONDS: {
    schema: number(0),
    default: '45',
    about:
      'How long look-ups must stay empty before a lost call counts as not made; longer than a call takes and describes lag.',
  },
  CVM_IMAGE_BACKOFF_MIN_SECONDS: {
    schema: number(0.01),
    default: '1',
    about: 'First pause after a refusal that passes: throttled, busy, network.',
  },
  CVM_IMAGE_BACKOFF_MAX_SECONDS: { schema: number(0.01), default: '30', about: 'Longest pause after such refusals.' },
  CVM_IMAGE_BACKOFF_BLOCKED_SECONDS: {
    schema: number(0.01),
    default: '30',
    about: 'Pause after a refusal that a person must mend: permission, balance.',
  },
  CVM_IMAGE_BUDGET_SHARE: {
    schema: number(0.01, 1),
    default: '0.5',
    about: "Share of the account's published request rates that this worker allows itself.",
  },
  CVM_IMAGE_REQUEST_TIMEOUT_SECONDS: {
    schema: whole(1),
    default: '10',
    about: 'Longest wait for one answer of the cloud.',
  },
  CVM_IMAGE_TIME_SCALE: {
    schema: number(0.01),
    default: '1',
    about: 'Divides the pauses and the settle time above: for a simulated cloud whose clock runs that much faster.',
  },
  CVM_IMAGE_MAX_ACTIVITIES: {
    schema: whole(1),
    default: '500',
    about: 'Activities at a time. A wait is one of them and costs next to nothing.',
  },
  CVM_IMAGE_MAX_CACHED_WORKFLOWS: {
    schema: whole(0),
    default: '100',
    about: 'Workflows kept in memory; others are replayed when they go on.',
  },
  CVM_IMAGE_HEARTBEAT_THROTTLE_SECONDS: {
    schema: number(0.05, 15),
    default: '5',
    about: 'Longest time between two heartbeats to Temporal: how soon progress is seen and a cancellation heard.',
  },
  CVM_IMAGE_SHUTDOWN_GRACE_SECONDS: {
    schema: number(0),
    default: '10',
    about: 'How long activities may go on after SIGTERM before they are interrupted.',
  },
  CVM_IMAGE_DEPLOYMENT: {
    schema: z.string().regex(/^[A-Za-z0-9_-]{1,60}$/, { error: 'expected 1 to 60 letters, digits, dashes' }),
    default: 'none: no Worker Versioning',
    about: 'Worker Deployment that the worker belongs to: turns Worker Versioning on. Goes with CVM_IMAGE_BUILD_ID.',
  },
  CVM_IMAGE_BUILD_ID: {
    schema: z.string().regex(/^[A-Za-z0-9._-]{1,60}$/, { error: 'expected 1 to 60 letters, digits, dots, dashes' }),
    default: 'none',
    about: 'Build ID of the worker in its deployment: another one for every version of the code.',
  },
  CVM_IMAGE_VERSIONING: {
    schema: z.enum(['PINNED', 'AUTO_UPGRADE'], { error: 'expected PINNED or AUTO_UPGRADE' }),
    default: 'PINNED',
    about: 'Whether a build ends on the version that it began on, or goes over to the current one.',
  },
  CVM_IMAGE_LOG_LEVEL: {
    schema: z.enum(['debug', 'info', 'warn', 'error'], { error: 'expected debug, info, warn or error' }),
    default: 'info',
    about: 'Least important log lines to write.',
  },
} as const satisfies Record<string, Variable>;

export type VariableName = keyof typeof variables;

/** Variables of the same prefix that other parts of the project read. */
export const otherVariables = [
  'CVM_IMAGE_CACHE',
  'CVM_IMAGE_DATA',
  'CVM_IMAGE_DEBUG',
  'CVM_IMAGE_SIMULATOR_PORT',
  'CVM_IMAGE_SPEED',
  'CVM_IMAGE_TEMPORAL_PORT',
  'CVM_IMAGE_TEST_CONCURRENCY',
  'CVM_IMAGE_UI_PORT',
];
