/** Keys of the memo that this client reads or writes, beside the contract's. */

/** Which request started a run. Equal to ours: the run is not one that we joined. */
export const requestMemo = 'request';
/** The image's name as the spec has it, for lists; it is known before any worker has seen the build. */
export const imageNameMemo = 'imageName';
