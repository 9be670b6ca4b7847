import { patched } from '@temporalio/workflow';
import type { UnsharedImage } from '../../contract';
import type { FamilyWork } from './turns';

/** Patch: what is unshared while it is changed is remembered. */
const sharesAreRemembered = 'shares-are-remembered';

/**
 * Images that are not shared for the moment, since they are being changed. Nothing in the cloud says with whom they were: should
 * this workflow be ended by hand, or go on on another task queue, the next one gives them back.
 */
export class Unshared {
  constructor(
    private readonly work: FamilyWork,
    readonly all: UnsharedImage[],
  ) {}

  /** Remembers images while they are changed and shared again. */
  async during<T>(images: UnsharedImage[], change: () => Promise<T>): Promise<T> {
    if (images.length === 0 || !patched(sharesAreRemembered)) return change();
    this.add(images);
    try {
      return await change();
    } finally {
      this.forget(images);
    }
  }

  add(images: UnsharedImage[]): void {
    this.all.push(...images);
    this.work.remember();
  }

  forget(images: UnsharedImage[]): void {
    for (const one of images) this.all.splice(this.all.indexOf(one), 1);
    this.work.remember();
  }
}
