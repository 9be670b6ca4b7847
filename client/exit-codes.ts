/** What `cvm-image` ends with. Part of the interface: scripts depend on it. */
export const exitCodes = {
  done: 0,
  buildFailed: 1,
  wrongUse: 2,
  unreachable: 3,
  held: 4,
  cancelled: 5,
} as const;
export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

export const exitCodeHelp = `
Exit codes:
  0  done (also: left with Ctrl-C while the build goes on)
  1  the build failed; with --plan: it would be refused; doctor: something is wrong
  2  wrong use: flags, spec, unknown build, or a build with another spec is running
  3  Temporal cannot be reached
  4  it waits for somebody: held, to be mended (cvm-image retry, cancel), or a release to be decided on (approve, reject)
  5  the build was cancelled

Temporal is found as its own tools find it: TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE, TEMPORAL_PROFILE, temporal.toml.
Cloud credentials are not needed here: the worker has them.`;
