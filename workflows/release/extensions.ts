import { setHandler } from '@temporalio/workflow';
import {
  buildWorkflowId,
  type Extended,
  extendReleaseUpdate,
  type Release,
  type ReleaseExtension,
} from '../../contract';
import { refuse } from '../failures';

/** What may wait, and be given more time: seconds more, answered with the time until which it waits. */
interface Waiting {
  readonly isOn: boolean;
  extend(seconds: number): string;
}

/** The update `extendDeadline` of a release. Its stages have no deadline that could be put off; what waits for people has. */
export function takeExtensions(waiting: Record<Extended['of'], Waiting>, manifest: Release): void {
  const meant = ({ of }: ReleaseExtension) => of ?? (waiting.hold.isOn ? 'hold' : 'approve');
  setHandler(
    extendReleaseUpdate,
    (extension) => {
      const of = meant(extension);
      return { of, until: waiting[of].extend(extension.seconds) };
    },
    {
      description:
        'Gives more time to mend a release that is held, or to approve one that waits: {"seconds": 3600}; with "of": "hold" or "approve" only that.',
      validator: (extension: ReleaseExtension) => {
        check(extension, manifest);
        if (extension.of === 'hold' && !waiting.hold.isOn) refuse('NotHeld', 'The release is not held.');
        if (extension.of === 'approve' && !waiting.approve.isOn)
          refuse('NotWaiting', 'No candidate waits for approval.');
        if (!waiting.hold.isOn && !waiting.approve.isOn) {
          const build = buildOf(manifest);
          refuse(
            'NothingWaits',
            'The release is neither held nor waits for an approval: there is nothing to put off.' +
              (build === undefined ? '' : ` Its build has deadlines of its own: ${build}`),
          );
        }
      },
    },
  );
}

function check(extension: unknown, manifest: Release): void {
  const { of, seconds } = (extension ?? {}) as Partial<Record<keyof ReleaseExtension, unknown>>;
  if (typeof seconds !== 'number' || !(seconds >= 1) || seconds > 365 * 86_400) {
    refuse('BadRequest', 'extendDeadline takes {"seconds": 3600}: from 1 to a year');
  }
  if (of === undefined || of === 'hold' || of === 'approve') return;
  const build = buildOf(manifest);
  refuse(
    'BadRequest',
    `Of a release only hold and approve can be put off, not ${JSON.stringify(of)}.` +
      (build === undefined ? '' : ` Its build has deadlines of its own: ${build}`),
  );
}

/** How the build of a release is given more time, once its source is known. */
const buildOf = ({ region, source }: Release) =>
  source && `cvm-image extend ${buildWorkflowId(region, source.instanceId)} --by 2h`;
