import path from 'node:path';
import { Command, InvalidArgumentError, Option } from 'commander';

/** What `npm run dev` and `npm run demo` have in common. */
export interface StackFlags {
  temporalPort: number;
  uiPort: number;
  simulatorPort: number;
  speed: number;
  dataDir: string;
  stop: boolean;
}

/** The command line of a program that starts a stack. Every flag has a variable that does the same. */
export function stackCommand(name: string, description: string): Command {
  return (
    new Command(name)
      .description(description)
      .addOption(
        new Option('--temporal-port <port>', 'Temporal server')
          .env('CVM_IMAGE_TEMPORAL_PORT')
          .argParser(port)
          .default(7233),
      )
      .addOption(
        new Option('--ui-port <port>', 'Temporal Web UI (default: 1000 above the server)')
          .env('CVM_IMAGE_UI_PORT')
          .argParser(port),
      )
      .addOption(
        new Option('--simulator-port <port>', 'simulated cloud')
          .env('CVM_IMAGE_SIMULATOR_PORT')
          .argParser(port)
          .default(18080),
      )
      .addOption(
        new Option('--speed <factor>', "how many times faster than real the simulated cloud's clock is")
          .env('CVM_IMAGE_SPEED')
          .argParser(positive)
          .default(60),
      )
      .addOption(
        new Option('--data <folder>', 'where the stack keeps everything').env('CVM_IMAGE_DATA').default('.data'),
      )
      .option('--stop', 'stop the stack that runs in the data folder, and leave')
      .addHelpText('after', '\nTEMPORAL_ADDRESS, when set, names a cluster to use; then no Temporal server is started.')
      .allowExcessArguments(false)
      .showHelpAfterError('(--help shows the flags)')
      // Commander's own code for wrong use is 1, which is a failed build here.
      .configureOutput({ writeErr: (text) => process.stderr.write(text) })
      .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2))
  );
}

/** The flags as they were given, made complete. */
export function stackFlags(command: Command): StackFlags {
  const { uiPort, data, stop, ...given } = command.opts<
    Pick<StackFlags, 'temporalPort' | 'simulatorPort' | 'speed'> & { uiPort?: number; data: string; stop?: true }
  >();
  const { temporalPort, simulatorPort, speed } = given;
  return {
    temporalPort,
    simulatorPort,
    speed,
    uiPort: uiPort ?? temporalPort + 1000,
    dataDir: path.resolve(data),
    stop: stop === true,
  };
}

function port(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1 || value > 65_535)
    throw new InvalidArgumentError('Expected a port from 1 to 65535.');
  return value;
}

function positive(text: string): number {
  const value = Number(text);
  if (!(value > 0)) throw new InvalidArgumentError('Expected a number above 0.');
  return value;
}
