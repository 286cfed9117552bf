import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createPolicy, getThing } from '@fleetward/protocol';
import { needs, type RunningProgram, startProgram } from '@fleetward/testkit';
import { startTestPlatform, type TestPlatform } from '@fleetward/testkit/platform';
import { connectAsync, type MqttClient } from 'mqtt';
import { afterAll, beforeAll, expect, test } from 'vitest';

const examples = join(import.meta.dirname, '../../examples');

// What Debian's packages are for is Debian's Python.
const programs = {
  node: [process.execPath, '--conditions=fleetward-source', join(examples, 'node/device.ts')],
  python: ['/usr/bin/python3', join(examples, 'python/device.py')],
  shell: ['sh', join(examples, 'shell/device.sh')],
} as const;

// A library is no program: what is looked for where it is missing is nowhere.
const hasPaho = spawnSync('/usr/bin/python3', ['-c', 'import paho.mqtt']).status === 0;

type Example = keyof typeof programs;

const servicePolicy = JSON.stringify({
  Version: '2012-10-17',
  Statement: [{ Effect: 'Allow', Action: 'iot:*', Resource: '*' }],
});

needs('openssl', 'openssl').describe('the examples', () => {
  let platform: TestPlatform;
  let service: MqttClient;
  const heard: string[] = [];

  beforeAll(async () => {
    platform = await startTestPlatform();
    const document = readFileSync(join(examples, 'policy.json'), 'utf8');
    await platform.api.call(createPolicy, { body: { policyName: 'examples', document } });
    await platform.api.call(createPolicy, { body: { policyName: 'service', document: servicePolicy } });
    for (const example of Object.keys(programs)) await prepare(`${example}-1`);
    const { key, cert } = await platform.enrol('service', { policies: ['service'] });
    const url = `mqtts://localhost:${platform.platform.ports.mqtt}`;
    service = await connectAsync(url, { clientId: 'service', key, cert, ca: platform.rootPem });
    service.on('message', (topic, payload) => void heard.push(`${topic} ${payload.toString()}`));
    await service.subscribeAsync('telemetry/#', { qos: 1 });
  });

  afterAll(async () => {
    await service?.endAsync();
    await platform?.stop();
  });

  /** As its owner prepares it: a folder with the root and a join token for its name. */
  async function prepare(name: string): Promise<void> {
    const folder = platform.folder.join(name);
    mkdirSync(folder, { mode: 0o700 });
    copyFileSync(platform.rootFile, join(folder, 'root.pem'));
    const token = await platform.newJoinToken(name, { policies: ['examples'] });
    writeFileSync(join(folder, 'join-token'), `${token}\n`, { mode: 0o600 });
  }

  function started(example: Example, name: string, more: NodeJS.ProcessEnv = {}): RunningProgram {
    const [program, ...args] = programs[example];
    const { mqtt, devices } = platform.platform.ports;
    return startProgram(program, [...args, name, platform.folder.join(name)], {
      environment: {
        PATH: process.env.PATH,
        FLEETWARD_MQTT_PORT: String(mqtt),
        FLEETWARD_HTTPS_PORT: String(devices),
        FLEETWARD_EVERY_SECONDS: '1',
        ...more,
      },
    });
  }

  const hears = (pattern: RegExp) =>
    expect.poll(() => heard.some((line) => pattern.test(line)), { timeout: 60_000 }).toBe(true);

  async function assertObeys(name: string, command: string): Promise<void> {
    heard.length = 0; // what it says now shows that it has subscribed
    await hears(new RegExp(`^telemetry/${name} \\{"uptime":\\d+\\}$`));
    await service.publishAsync(`commands/${name}`, command, { qos: 1 });
    await hears(new RegExp(`^telemetry/${name}/done ${command}$`));
  }

  function describeExample(example: Example): void {
    test(`in ${example}: a device enrols, measures, obeys, renews, and goes on with its new certificate`, async () => {
      const name = `${example}-1`;
      {
        await using device = started(example, name);
        await device.waitForOutput(/^enrolled$/m);
        expect(existsSync(platform.folder.join(name, 'join-token'))).toBe(false);
        await assertObeys(name, 'blink once');
        await device.waitForOutput(/^command: blink once$/m);
      }
      {
        await using device = started(example, name, { FLEETWARD_RENEW_DAYS: '400' });
        await device.waitForOutput(/^renewed$/m);
      }
      await using _device = started(example, name);
      await assertObeys(name, 'blink twice');
    });
  }

  describeExample('node');

  test.for(['SIGTERM', 'SIGINT'] as const)('in node: %s ends a device cleanly', async (signal) => {
    const name = `ended-by-${signal}`;
    await prepare(name);
    await using device = started('node', name);
    await hears(new RegExp(`^telemetry/${name} `));
    const { code, stdout, stderr } = await device.stop(signal);
    expect({ code, stdout: stdout.toString() }, stderr).toEqual({ code: 0, stdout: 'enrolled\nended\n' });
    // It said DISCONNECT, and did not just go.
    const thing = () => platform.api.call(getThing, { params: { thingName: name } });
    await expect.poll(async () => JSON.stringify(await thing())).toContain('CLIENT_INITIATED_DISCONNECT');
  });

  needs('curl', 'curl').describe('with curl', () => {
    needs('mosquitto_sub', 'mosquitto-clients').describe('and Mosquitto’s clients', () => {
      describeExample('shell');
    });
  });
  needs(hasPaho ? 'python3' : 'python3-paho-mqtt', 'python3-paho-mqtt').describe('with paho', () => {
    describeExample('python');
  });
});
