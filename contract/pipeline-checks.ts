import type { Pipeline } from './pipeline';
import { buildSpecSchema, roomSchema } from './spec';

/** Says no to one field of a pipeline. */
export type Refuse = (path: (string | number)[], message: string) => void;

/** Defaults, in seconds, of what may do nothing: what is as by default was not asked for. */
export const idleDefaults = { roomDeadline: roomSchema.parse({}).deadline, remindEvery: 86_400 };
const buildDeadlines = buildSpecSchema.shape.deadlines.parse({});

/** What has an effect only together with something else that the pipeline does not say. */
export function refuseIdle({ room, build, approve, notify }: Pipeline, refuse: Refuse): void {
  if (room.whenFull === 'fail' && room.deadline !== idleDefaults.roomDeadline) {
    refuse(['room', 'deadline'], 'goes with whenFull: wait or retire-oldest, which is what it limits');
  }
  if (build.deadlines.hold !== buildDeadlines.hold) {
    refuse(['build', 'deadlines', 'hold'], 'the build of a pipeline is never held, its run is: use deadlines.hold');
  }
  if (build.deadlines.launchInstance !== buildDeadlines.launchInstance) {
    refuse(
      ['build', 'deadlines', 'launchInstance'],
      'the build of a pipeline launches nothing, its test does: use deadlines.launchTest',
    );
  }
  if (approve && notify === undefined && approve.remindEvery !== idleDefaults.remindEvery) {
    refuse(['approve', 'remindEvery'], 'goes with notify, which names whom to remind');
  }
}

/** Where releases are to be brought, and cannot be. */
export function checkDistribution({ region, build, distribute }: Pipeline, refuse: Refuse): void {
  if (!distribute) return;
  const { regions, accounts } = distribute;
  // The API refuses it as InstanceImageNotSupport, hours later.
  if (build.dataDisks === 'include' && regions.length + accounts.length > 0) {
    refuse(['build', 'dataDisks'], 'an image that holds its data disks can neither be copied nor shared (distribute)');
  }
  regions.forEach((one, index) => {
    if (one === region) refuse(['distribute', 'regions', index], 'the region of the pipeline has the image already');
    if (regions.indexOf(one) !== index) refuse(['distribute', 'regions', index], 'named twice');
  });
  accounts.forEach((one, index) => {
    if (accounts.indexOf(one) !== index) refuse(['distribute', 'accounts', index], 'named twice');
  });
}
