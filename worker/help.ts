import { variables } from './variables';

/** Text of `--help`: every variable with its default. */
export function help(): string {
  const ours = Object.entries(variables).map(([name, { about, default: value }]) =>
    entry(name, `${about} Default: ${value}.`),
  );
  return `Usage: cvm-image worker

Runs workflows and activities until SIGINT or SIGTERM. All settings come from the environment.

Temporal (as its own tools read it):
${entry('TEMPORAL_ADDRESS', 'host:port. Default: 127.0.0.1:7233.')}
${entry('TEMPORAL_NAMESPACE', 'Default: default.')}
${entry('TEMPORAL_API_KEY, TEMPORAL_TLS_*', 'Access to a cluster that asks for it.')}
${entry('TEMPORAL_PROFILE, TEMPORAL_CONFIG_FILE', 'A profile of temporal.toml instead.')}

Tencent Cloud:
${entry('TENCENTCLOUD_SECRET_ID, TENCENTCLOUD_SECRET_KEY', 'Without them: ~/.tencentcloud/credentials, the role of the CVM instance, OIDC.')}
${entry('TENCENTCLOUD_ENDPOINT', 'URL of the API, may contain {service}. Default: the real cloud.')}

The worker:
${ours.join('\n')}
${entry('CVM_IMAGE_WEBHOOK_<NAME>_URL, CVM_IMAGE_WEBHOOK_<NAME>_KEY', 'A webhook that specs may name (notify: name), and the key that signs what it is told.')}

Exit codes:
  0  stopped as asked
  1  the cloud or the namespace refuses the worker, or it broke
  2  wrong configuration
  3  Temporal cannot be reached
`;
}

const entry = (name: string, about: string) => `  ${name}\n      ${about}`;
