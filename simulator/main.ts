#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { startSimulator } from './index';
import { defaultSwitches, parseDurations, parseSwitches, realisticDurations, type SimulatorOptions } from './options';
import { checkSeed } from './seed/check';
import { type Seed } from './seed/seed';

const help = `Usage: tencentcloud-simulator [options]

A local stand-in for Tencent Cloud: API 3.0 for CVM, CBS, VPC, STS and TAG on a loopback address.

Options:
  --port PORT         port to listen on; 0 = any free one (default 18080)
  --host ADDRESS      loopback address (default 127.0.0.1)
  --data DIR          keep the state there across restarts (default: in memory only)
  --speed FACTOR      how many times faster than the real cloud (default 60)
  --seed-file FILE    JSON with what the cloud contains at first (see simulator/README.md)
  --durations LIST    fixed durations in simulated seconds, such as stop=40,image=1200
                      (${Object.keys(realisticDurations).join(', ')})
  --rate-scale FACTOR multiplies the published request rates; 0 = no limit (default 1)
  --listen            launched instances really listen, on addresses in 127.0.0.0/8
  --switch NAME=VALUE a reading of what the documentation leaves open; may be repeated
                      (${Object.keys(defaultSwitches).join(', ')})
  --strict            check every answer against the API's description; one that does not fit
                      becomes an InternalError, and the mistake is told on stderr
  --help              this text

Key for development: TENCENTCLOUD_SECRET_ID=AKIDsimulator TENCENTCLOUD_SECRET_KEY=simulator
`;

function numberFrom(name: string, text: string): number {
  const number = text.trim() === '' ? NaN : Number(text);
  if (!Number.isFinite(number)) throw new Error(`--${name} must be a number, not "${text}"`);
  return number;
}

function switchesFrom(given: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(
    given.map((pair) => {
      const [name = '', value = ''] = pair.split('=');
      const number = value.trim() === '' ? NaN : Number(value);
      return [name, value === 'true' ? true : value === 'false' ? false : Number.isFinite(number) ? number : value];
    }),
  );
}

/** Reads a seed file; throws an Error that names the file and what is wrong with it. */
function seedFrom(file: string): Seed {
  let given: unknown;
  try {
    given = JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    throw new Error(`the seed file ${file} cannot be read: ${(error as Error).message}`, { cause: error });
  }
  try {
    return checkSeed(given);
  } catch (error) {
    throw new Error(`the seed file ${file} is wrong:\n${(error as Error).message}`, { cause: error });
  }
}

function readOptions(): SimulatorOptions | undefined {
  const { values } = parseArgs({
    options: {
      port: { type: 'string', default: '18080' },
      host: { type: 'string', default: '127.0.0.1' },
      data: { type: 'string' },
      speed: { type: 'string', default: '60' },
      'seed-file': { type: 'string' },
      durations: { type: 'string' },
      'rate-scale': { type: 'string', default: '1' },
      switch: { type: 'string', multiple: true, default: [] },
      listen: { type: 'boolean', default: false },
      strict: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return undefined;
  const seedFile = values['seed-file'];
  return {
    port: numberFrom('port', values.port),
    host: values.host,
    speed: numberFrom('speed', values.speed),
    rateScale: numberFrom('rate-scale', values['rate-scale']),
    listen: values.listen,
    switches: parseSwitches(switchesFrom(values.switch)),
    strictAnswers: values.strict,
    ...(values.data === undefined ? {} : { dataDir: values.data }),
    ...(values.durations === undefined ? {} : { durations: parseDurations(values.durations) }),
    ...(seedFile === undefined ? {} : { seed: seedFrom(seedFile) }),
  };
}

async function main(): Promise<void> {
  const options = readOptions();
  if (options === undefined) {
    process.stdout.write(help);
    return;
  }
  const simulator = await startSimulator(options);
  const stop = (): void => {
    void simulator.close().then(() => process.exit(0));
  };
  process.once('SIGINT', stop);
  process.once('SIGTERM', stop);
  process.stdout.write(`simulator listening on ${simulator.url} (speed ${simulator.speed})\n`);
}

/** Node.js explains some mistakes in the options in several lines. */
function inOneLine(error: NodeJS.ErrnoException): string {
  return error.code?.startsWith('ERR_PARSE_ARGS') === true ? error.message.replaceAll('\n', ' ') : error.message;
}

main().catch((error: unknown) => {
  process.stderr.write(`simulator: ${error instanceof Error ? inOneLine(error) : String(error)}\n`);
  process.exitCode = 1;
});
