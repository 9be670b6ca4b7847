/** Keys of the memo that this client reads or writes, beside the contract's. */

/** Which request started a run. Equal to ours: the run is not one that we joined. */
export const requestMemo = 'request';
export { imageNameMemo } from '../contract';
