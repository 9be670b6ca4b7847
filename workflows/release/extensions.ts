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
export interface Waiting {
  readonly isOn: boolean;
  extend(seconds: number): string;
}

/** In the order in which they are meant when nobody says of what; and what is said where they do not wait. */
const notWaiting: Record<Extended['of'], [code: string, message: string]> = {
  hold: ['NotHeld', 'The release is not held.'],
  approve: ['NotWaiting', 'No candidate waits for approval.'],
  room: ['NotWaiting', 'No copy waits for room in the image quota of its region.'],
};
const kinds = Object.keys(notWaiting) as Extended['of'][];

/** The update `extendDeadline` of a release. Its stages have no deadline that could be put off; what waits in them has. */
export function takeExtensions(waiting: (of: Extended['of']) => Waiting | undefined, manifest: Release): void {
  const isOn = (of: Extended['of']) => waiting(of)?.isOn === true;
  setHandler(
    extendReleaseUpdate,
    ({ of = kinds.find(isOn)!, seconds }) => ({ of, until: waiting(of)!.extend(seconds) }),
    {
      description:
        'Gives more time to mend a release that is held, to approve one that waits, or for room for copies that wait for it: ' +
        '{"seconds": 3600}; with "of": "hold", "approve" or "room" only that.',
      validator: (extension: ReleaseExtension) => {
        check(extension, manifest);
        const { of } = extension;
        if (of !== undefined && !isOn(of)) refuse(...notWaiting[of]);
        if (!kinds.some(isOn)) {
          refuse(
            'NothingWaits',
            'The release is not held, and waits neither for an approval nor for room: there is nothing to put off.' +
              ofBuild(manifest),
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
  if (of === undefined || kinds.some((kind) => kind === of)) return;
  refuse(
    'BadRequest',
    `Of a release only hold, approve and room can be put off, not ${JSON.stringify(of)}.${ofBuild(manifest)}`,
  );
}

/** How the build of a release is given more time, once its source is known. */
const ofBuild = ({ region, source }: Release) =>
  source === undefined
    ? ''
    : ` Its build has deadlines of its own: cvm-image extend ${buildWorkflowId(region, source.instanceId)} --by 2h`;
