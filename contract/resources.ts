export type ResourceType = 'image' | 'snapshot' | 'instance' | 'disk';

/**
 * What became of a resource that a build made: `made` while nothing is decided, `kept` at the end of a good build (or
 * by `onFailure: keep`), `deleted` by undoing, `leftover` when undoing could not remove it in time.
 */
export type ResourceFate = 'made' | 'kept' | 'deleted' | 'leftover';

/** Note of the snapshots that the cloud made for an image by itself. They take no tags, and go with their image. */
export const ofImage = 'of the image';

/** A cloud resource, as results and failures list it. */
export interface Resource {
  type: ResourceType;
  id: string;
  fate: ResourceFate;
  /** What it is for: the disk of a snapshot, the name of an image. */
  note?: string;
}
