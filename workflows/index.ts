/** What the bundle exports: one workflow a file. */
export { buildImage } from './build-image';
export { deleteImage } from './delete-image';
export { imageQuota } from './image-quota';
export { describeImage, listFamily, listImages } from './read-images';
export { launchImage } from './launch-image';
export { sweepLeftovers } from './sweep-leftovers';
export { checkUp } from './check-up';
export { planBuild } from './plan-build';
export { goldenImage } from './golden-image';
export { scheduledRelease } from './scheduled-release';
export { imageFamily } from './image-family';
