/** What both sides of Temporal agree on. Plain data, no I/O, importable from a workflow. */
export * from './controls';
export * from './duration';
export * from './images';
export * from './launch';
export * from './names';
export * from './notification';
export * from './operations';
export * from './progress';
export * from './resources';
export * from './result';
export * from './search-attributes';
export * from './spec';
export * from './spec-errors';
export * from './spec-hash';
export * from './steps';
