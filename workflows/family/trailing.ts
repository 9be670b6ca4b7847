import type { Trailing } from '../../contract';
import { onlyCurrentAnswers } from './move-current';
import { activitiesAt, familyDeadlines } from './place';
import { nextTry } from './tried-again';
import type { FamilyWork } from './turns';
import type { Unshared } from './unshared';

/** Patch: what could not be kept from answering is tried again. */
const trailingAgain = 'trailing-again';

/** Images that are being copied take no changes: they no longer answer for the family once that is over. */
export class TrailingImages {
  readonly all: Trailing[] = [];

  constructor(
    private readonly work: FamilyWork,
    private readonly unshared: Unshared,
  ) {}

  /** Keeps images from answering as soon as they are copied; nobody waits for it. */
  follow(one: Trailing): void {
    this.all.push(one);
    this.work.remember();
    void this.silence(one).finally(() => {
      this.all.splice(this.all.indexOf(one), 1);
      this.work.remember();
    });
  }

  /** Given up, the next promotion or rollback there sees to it. */
  private async silence(one: Trailing): Promise<void> {
    const { place, imageIds, state } = one;
    const { family, turns, refOf, remember } = this.work;
    const build = refOf(place);
    const which = imageIds.join(', ');
    for (;;) {
      try {
        // Nobody waits for that: it may take as long as a copy.
        const about = { summary: `${which}: until copied`, deadline: familyDeadlines.copy };
        await activitiesAt(place, about).awaitCopied({ build, imageIds });
        const later = await turns.next(place, `${which} in ${place.region} no longer answers`, () =>
          onlyCurrentAnswers(build, place, family, this.unshared, state && { imageIds, state }),
        );
        if (later.length > 0) this.follow({ place, imageIds: later });
        return;
      } catch (error) {
        const meanwhile = `${which} still answers in ${place.region}`;
        const pause = nextTry(one, { error, patch: trailingAgain, meanwhile, about: { imageIds }, remember });
        if (!pause) return;
        await pause;
      }
    }
  }
}
