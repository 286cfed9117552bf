import { type BrokerOptions, parseOptions } from './options.ts';
import { type StartedBroker, startBroker } from './start-broker.ts';

// `npm run testkit:broker`: see CONTRIBUTING.md.
const options = readOptions();
if (options !== undefined) await serve(options);

/** Undefined, with a line that says why and exit code 2, for a command line that cannot be followed. */
function readOptions(): BrokerOptions | undefined {
  try {
    return parseOptions(process.argv.slice(2));
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : error}\n`);
    process.exitCode = 2;
    return undefined;
  }
}

async function serve(options: BrokerOptions): Promise<void> {
  try {
    const broker = await startBroker(options);
    process.stdout.write(`port ${broker.port}\nlistening\n`);
    for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => void broker.stop());
    if (process.env.npm_lifecycle_event === 'testkit:broker') stopWithNpm(broker);
    void broker.lost.then(fail);
  } catch (error) {
    fail(error);
  }
}

function fail(error: unknown): void {
  process.stderr.write(`${error instanceof Error ? error.message : error}\n`);
  process.exit(1);
}

/** Whoever kills npm with -9 must not find the port taken by a broker that nobody knows of. */
function stopWithNpm(broker: StartedBroker): void {
  const npm = process.ppid;
  const watch = setInterval(() => {
    if (process.ppid === npm) return;
    clearInterval(watch);
    void broker.stop();
  }, 50).unref();
}
