import { mkdirSync } from 'node:fs';
import { temporaryFolder } from '@fleetward/testkit';
import { describe, expect, test } from 'vitest';
import { connectDevice } from '../src/sdk/connect-device.ts';
import { type JobEvent, runJobs } from '../src/sdk/run-jobs.ts';
import { deviceOf, ScriptedBroker } from './scripted-broker.ts';
import { random, TestAuthority } from './test-authority.ts';

/** Runs the jobs of a server that offers `execution`, whatever is asked, until something is told. */
async function firstEvents(execution: object, folder: string): Promise<readonly JobEvent[]> {
  const authority = await TestAuthority.create();
  await using server = await ScriptedBroker.start(authority);
  server.script = (packet) => {
    if (packet.cmd === 'subscribe')
      server.send({ cmd: 'suback', messageId: packet.messageId ?? 0, granted: [1] });
    if (packet.cmd !== 'publish') return;
    server.send({ cmd: 'puback', messageId: packet.messageId ?? 0, reasonCode: 0 });
    const { clientToken } = JSON.parse(String(packet.payload));
    const payload = JSON.stringify({ clientToken, execution });
    const topic = `${packet.topic}/accepted`;
    server.send({ cmd: 'publish', topic, payload, qos: 0, dup: false, retain: false });
  };
  const identity = await deviceOf(authority, 'lamp');
  const device = connectDevice({ url: server.url, identity, random });
  const events: JobEvent[] = [];
  const runner = await runJobs(device, {
    thingName: 'lamp',
    random,
    folder,
    run: async () => ({ status: 'SUCCEEDED' }),
    onEvent: (event) => void events.push(event),
  });
  await expect.poll(() => events.length).toBeGreaterThan(0);
  await device.close({ drainMs: 0 });
  await runner.close();
  return events;
}

describe('the jobs of a device', () => {
  test.each(['a/#', '+', 'x'.repeat(65), '$next', '\0'])(
    'are none where the server calls one %j',
    async (jobId) => {
      using folder = temporaryFolder();
      const events = await firstEvents({ jobId, executionNumber: 1, jobDocument: {} }, folder.join('jobs'));
      expect(events).toMatchObject([{ kind: 'failed', error: { code: 'device.answer_invalid' } }]);
    },
  );

  test('wait, and their device goes on, while the disk does not give the note of the last one', async () => {
    using folder = temporaryFolder();
    mkdirSync(folder.join('jobs', 'job.json'), { recursive: true });
    const events = await firstEvents({ jobId: 'one', jobDocument: {} }, folder.join('jobs'));
    expect(events).toMatchObject([{ kind: 'failed', error: { code: 'device.note_failed' } }]);
  });
});
