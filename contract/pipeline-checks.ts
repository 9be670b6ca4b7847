import { once } from './once';
import type { Pipeline } from './pipeline';
import { buildSpecSchema, roomSchema } from './spec';

/** Says no to one field of a pipeline. */
export type Refuse = (path: (string | number)[], message: string) => void;

/** In seconds. */
export const remindEveryDefault = 86_400;

/** What is as by default was not asked for, where it may do nothing. In seconds. */
const idleDefaults = once(() => ({
  roomDeadline: roomSchema().parse({}).deadline,
  build: buildSpecSchema().shape.deadlines.parse({}),
}));

/** What has an effect only together with something else that the pipeline does not say. */
export function refuseIdle({ room, build, approve, notify }: Pipeline, refuse: Refuse): void {
  const defaults = idleDefaults();
  if (room.whenFull === 'fail' && room.deadline !== defaults.roomDeadline) {
    refuse(['room', 'deadline'], 'goes with whenFull: wait or retire-oldest, which is what it limits');
  }
  if (build.deadlines.hold !== defaults.build.hold) {
    refuse(['build', 'deadlines', 'hold'], 'the build of a pipeline is never held, its run is: use deadlines.hold');
  }
  if (build.deadlines.launchInstance !== defaults.build.launchInstance) {
    refuse(
      ['build', 'deadlines', 'launchInstance'],
      'the build of a pipeline launches nothing, its test does: use deadlines.launchTest',
    );
  }
  if (approve && notify === undefined && approve.remindEvery !== remindEveryDefault) {
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
