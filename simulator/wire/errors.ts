/** An answer of the API that is an error: its code is the documented one of the action. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  /** Something had been changed before it was refused, and stays changed. */
  afterChanges = false;

  constructor(
    readonly code: string,
    message: string,
  ) {
    super(message);
  }
}
