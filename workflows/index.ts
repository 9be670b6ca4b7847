/** What the bundle exports: one workflow a file. */
export { buildImage } from './build-image';
