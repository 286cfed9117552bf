import { getThing } from '@fleetward/protocol';
import { type DemoAgent, startDemoAgent } from './demo-agent.ts';
import {
  createEngineer,
  type Engineer,
  firstRoot,
  hardware,
  makeFirmware,
  product,
  publishRelease,
  signByHand,
} from './release-engineer.ts';
import {
  breakSignatures,
  clientOf,
  downloadRefused,
  type Metadata,
  recordMetadata,
  refreshRefused,
  trustingStore,
  withFlippedByte,
} from './stolen-server.ts';
import { must, type Story } from './story.ts';
import { deviceOf, type World } from './world.ts';

const dayMs = 86_400_000;
const deviceName = 'my_iot_device';

/** Step 5: a release is signed offline, verified before it is installed, started, health-checked and confirmed; and what is refused. */
export async function releaseSteps(story: Story, world: World): Promise<DemoAgent | undefined> {
  story.step('A signed update');
  const engineer = await createEngineer(world);
  const first = makeFirmware('1.0.0', { healthy: true });
  const second = makeFirmware('2.0.0', { healthy: true });
  await story.try('sign the 8 MB image by hand: RSA-PSS/SHA-256 with maximum salt, and Ed25519', () =>
    signByHand(world, engineer, first),
  );
  await story.try('publish 1.0.0 as TUF metadata, root and targets signed by 2 of 2 offline keys', () =>
    publishRelease(world, engineer, { version: '1.0.0', image: first }),
  );
  let agent: DemoAgent | undefined;
  await story.try(
    'the device verifies, installs into the inactive slot, starts, probes, confirms',
    async () => {
      agent = await startDemoAgent(world, {
        identity: deviceOf(world, deviceName),
        product,
        hardware,
        root: await firstRoot(engineer),
      });
      return confirmed(await agent.checkOnce(), '1.0.0');
    },
  );
  const before = await recordMetadata(world);
  await story.try('publish 2.0.0', () =>
    publishRelease(world, engineer, { version: '2.0.0', image: second }),
  );
  await refusalSteps(story, world, { engineer, before, second });
  await story.try('the honest platform again: 2.0.0', async () => {
    must(agent !== undefined, 'there is no agent: an earlier step failed');
    return confirmed(await agent.checkOnce(), '2.0.0');
  });
  return agent;
}

/** Step 6: a firmware that starts but is not healthy. */
export async function rollbackSteps(story: Story, world: World, agent: DemoAgent | undefined): Promise<void> {
  story.step('A firmware that fails its health check');
  const engineer = await createEngineer(world);
  await story.try('publish 3.0.0, which answers its probe with an error', () =>
    publishRelease(world, engineer, { version: '3.0.0', image: makeFirmware('3.0.0', { healthy: false }) }),
  );
  await story.try('the device tries it and returns by itself', async () => {
    must(agent !== undefined, 'there is no agent: an earlier step failed');
    const outcome = await agent.checkOnce();
    must(
      outcome.kind === 'rolled-back' && outcome.to === '2.0.0',
      `the outcome is ${JSON.stringify(outcome)}`,
    );
    const running = await agent.runningVersion();
    must(running === '2.0.0', `\`${running}\` runs`);
    return `back on 2.0.0: ${outcome.explanation}`;
  });
  await story.try('the platform knows', async () => {
    const { report } = await world.api.call(getThing, { params: { thingName: deviceName } });
    const text = JSON.stringify(report?.report ?? {});
    must(text.includes('rolled-back') && text.includes('2.0.0'), `the report is ${text}`);
    return `its report: ${text}`;
  });
}

async function refusalSteps(
  story: Story,
  world: World,
  facts: { readonly engineer: Engineer; readonly before: Metadata; readonly second: Buffer },
): Promise<void> {
  const { engineer, before, second } = facts;
  await story.try('a tampered image: one byte flipped on the platform’s disk', () =>
    withFlippedByte(world, second, () => downloadRefused(world, engineer)),
  );
  await story.try('a tampered signature under the metadata', () =>
    refreshRefused(world, {
      engineer,
      alter: (file, bytes) => (file === 'timestamp.json' ? breakSignatures(bytes) : bytes),
    }),
  );
  await story.try('a replayed older version', async () => {
    const store = await trustingStore(engineer);
    const seen = await clientOf(world, { store }).refresh();
    must(seen.kind === 'updated', `the honest refresh came out as ${seen.kind}`);
    return refreshRefused(world, { engineer, store, alter: (file, bytes) => before.get(file) ?? bytes });
  });
  await story.try('expired metadata, 30 days without a new signature', () =>
    refreshRefused(world, { engineer, nowMs: Date.now() + 30 * dayMs, alter: (_file, bytes) => bytes }),
  );
}

function confirmed(outcome: Awaited<ReturnType<DemoAgent['checkOnce']>>, version: string): string {
  must(
    outcome.kind === 'confirmed' && outcome.version === version,
    `the outcome is ${JSON.stringify(outcome)}`,
  );
  return `${version} runs and is confirmed${outcome.from === undefined ? '' : `, after ${outcome.from}`}`;
}
