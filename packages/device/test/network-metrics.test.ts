import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer } from 'node:net';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { networkMetrics, parseSockets, readTraffic } from '../src/sdk/network-metrics.ts';

const none = { bytes_in: 0, bytes_out: 0, packets_in: 0, packets_out: 0 };
const header = '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid\n';

describe('the metrics', () => {
  test('tell of a port that listens and of a connection to it', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const client = connect(port, '127.0.0.1');
    await once(client, 'connect');
    const read = (path: string) => readFileSync(path, 'latin1');
    const text = read('/proc/net/tcp');
    expect(parseSockets(text)).toContainEqual({ localPort: port, remote: '0.0.0.0:0', state: 10 });
    expect(parseSockets(text)).toContainEqual({
      localPort: client.localPort,
      remote: `127.0.0.1:${port}`,
      state: 1,
    });
    const { metrics } = networkMetrics(read, none);
    expect(metrics.tcp_connections.established_connections.total).toBeGreaterThan(0);
    client.destroy();
    server.close();
  });

  test('have addresses as people write them', () => {
    const line =
      '   0: 00000000000000000000000000000000:1F90 B80D0120000000000000000001000000:01BB 01 00000000:00000000\n';
    expect(parseSockets(header + line)).toEqual([{ localPort: 8080, remote: '[2001:db8::1]:443', state: 1 }]);
  });

  test('count the traffic of all interfaces but the loopback since the last report', () => {
    const dev = (bytes: number) =>
      `Inter-| Receive |\n    lo: 9 9 0 0 0 0 0 0 9 9 0 0 0 0 0 0\n  eth0: ${bytes} 2 0 0 0 0 0 0 30 4 0 0 0 0 0 0\n wlan0:1 1 0 0 0 0 0 0 1 1 0 0 0 0 0 0\n`;
    const read = (bytes: number) => (path: string) => (path === '/proc/net/dev' ? dev(bytes) : undefined);
    const since = readTraffic(read(100));
    expect(since).toEqual({ bytes_in: 101, packets_in: 3, bytes_out: 31, packets_out: 5 });
    expect(networkMetrics(read(150), since).metrics.network_stats).toEqual({ ...none, bytes_in: 50 });
    expect(networkMetrics(read(10), since).metrics.network_stats.bytes_in).toBe(11);
  });

  test('list 50 of what they count, and take any text', () => {
    const line = (at: number) =>
      `${at}: 0100007F:${at.toString(16).padStart(4, '0').toUpperCase()} 00000000:0000 0A 0\n`;
    const text = header + Array.from({ length: 80 }, (_, at) => line(at)).join('');
    const { metrics } = networkMetrics((path) => (path === '/proc/net/tcp' ? text : undefined), none);
    expect(metrics.listening_tcp_ports).toMatchObject({ total: 80, ports: { length: 50 } });
    fc.assert(fc.property(fc.string(), (noise) => void networkMetrics(() => noise, none)));
  });
});
