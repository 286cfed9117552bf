import type { BenchBroker } from '../brokers/broker.ts';
import { median, rounded } from '../figures.ts';
import type { HandshakesResult } from '../load/run-handshakes.ts';
import { formatTable } from '../report.ts';
import { type Bench, inRounds } from './bench.ts';

/** What a full handshake costs the server: TLS 1.3, P-256 certificates on both sides, key exchange on P-256, and the CONNECT after it. */
export const handshakes: Bench = {
  name: 'handshakes',
  devices: 16,
  async run(field) {
    const measure = async ({ port, ca, pid }: BenchBroker): Promise<HandshakesResult> => {
      const { identities, load, options } = field;
      const request = {
        kind: 'handshakes',
        endpoint: { port, ca },
        brokerPid: pid,
        identities,
        warmUpSeconds: Math.min(1, options.seconds),
        seconds: options.seconds,
      };
      return (await load.ask(request, { timeoutMs: 60_000 })) as HandshakesResult;
    };
    const runs = await inRounds(this.name, field, measure);
    const cpuMs = ({ brokerCpuSeconds, handshakes: count }: HandshakesResult) =>
      (brokerCpuSeconds * 1_000) / count;
    const ratioTo = (name: 'mosquitto' | 'floor') => {
      const theirs = runs[name];
      if (theirs === undefined) return null;
      return rounded(median((runs.fleetward ?? []).map((run, round) => cpuMs(run) / cpuMs(theirs[round]!))));
    };
    const found = field.brokers.map(({ name }) => {
      const results = runs[name] ?? [];
      const perSecond = Math.round(median(results.map((run) => run.handshakes / run.seconds)));
      return {
        broker: name,
        cpuMsPerHandshake: rounded(median(results.map(cpuMs))),
        perSecond,
        runs: results,
      };
    });
    const figures = {
      bench: this.name,
      ratio: ratioTo('mosquitto'),
      floorRatio: ratioTo('floor'),
      brokers: found,
    };
    const rows = found.map(({ broker, cpuMsPerHandshake, perSecond }) => [
      broker,
      `${cpuMsPerHandshake} ms`,
      `${perSecond}`,
    ]);
    const title = `handshakes: full, TLS 1.3, P-256, CONNECT included; ${figures.ratio}× Mosquitto's CPU, ${figures.floorRatio}× the bare server's`;
    return { figures, text: formatTable(title, ['', 'server CPU each', 'a second'], rows) };
  },
};
