import type { TemporaryFolder } from '@fleetward/testkit';
import type { BenchBroker, BrokerCredentials, BrokerName, Identity } from '../brokers/broker.ts';
import type { Child } from '../child.ts';
import type { BenchOptions } from '../options.ts';

/** What every bench has: the brokers under test, devices with identities, and the load. */
export interface Field {
  readonly brokers: readonly BenchBroker[];
  readonly identities: readonly Identity[];
  readonly load: Child;
  readonly folder: TemporaryFolder;
  readonly credentials: BrokerCredentials;
  readonly options: BenchOptions;
  readonly progress: (text: string) => void;
  readonly signal: AbortSignal;
}

/** What one bench found: `figures` for programs, `text` for people. */
export interface Finding {
  readonly figures: object;
  readonly text: string;
}

export interface Bench {
  readonly name: string;
  /** Devices it needs, numbered from 0. */
  readonly devices: number;
  run(field: Field): Promise<Finding>;
}

/** A bench of a library: no broker, no device, nothing over the network. */
export interface LibraryBench {
  readonly name: string;
  runAlone(conditions: Pick<Field, 'options' | 'progress' | 'signal'>): Promise<Finding>;
}

export type Rounds<Result> = Partial<Record<BrokerName, readonly Result[]>>;

/** Asks for one result of each broker in each round, beginning with another broker each time: none is always the one after a pause. */
export async function inRounds<Result>(
  name: string,
  field: Field,
  measure: (broker: BenchBroker) => Promise<Result>,
  brokers: readonly BenchBroker[] = field.brokers,
): Promise<Rounds<Result>> {
  const results: Partial<Record<BrokerName, Result[]>> = {};
  const { rounds } = field.options;
  for (let round = 0; round < rounds; round++) {
    const first = round % brokers.length;
    for (const broker of [...brokers.slice(first), ...brokers.slice(0, first)]) {
      field.signal.throwIfAborted();
      field.progress(`${name}, round ${round + 1} of ${rounds}: ${broker.name}`);
      results[broker.name] = [...(results[broker.name] ?? []), await measure(broker)];
    }
  }
  return results;
}
