import { revocationSteps, trailSteps } from './closing-steps.ts';
import { admissionSteps, policySteps } from './connection-steps.ts';
import { enrolmentSteps, initialisationSteps } from './identity-steps.ts';
import { Story } from './story.ts';
import { createTerminal } from './terminal.ts';
import { releaseSteps, rollbackSteps } from './update-steps.ts';
import { createWorld, operatorsUrl, unwind, type World } from './world.ts';

export interface DemoOptions {
  /** Leave the platform up until the process is told to end. */
  readonly keep: boolean;
  readonly json: boolean;
}

/** Runs the whole story over real sockets; resolves to whether every step came out as it must. */
export async function runDemo(options: DemoOptions): Promise<boolean> {
  const terminal = createTerminal(options);
  const story = new Story(terminal);
  terminal.started();
  const world = await createWorld();
  try {
    await tell(story, world);
    terminal.finished(story);
    if (options.keep) await keepUp(world, terminal.note);
  } finally {
    await unwind(world.undo);
  }
  return story.passed;
}

async function tell(story: Story, world: World): Promise<void> {
  await initialisationSteps(story, world);
  await enrolmentSteps(story, world);
  await admissionSteps(story, world);
  await policySteps(story, world);
  const agent = await releaseSteps(story, world);
  await rollbackSteps(story, world, agent);
  await revocationSteps(story, world);
  await trailSteps(story, world);
}

async function keepUp(world: World, note: (text: string) => void): Promise<void> {
  const { ports } = world.platform;
  note(
    [
      'The platform stays up until you press Ctrl-C; then its folder is removed.',
      `  folder      ${world.folder}`,
      `  operators   ${operatorsUrl(world.platform)} (OpenAPI at /openapi.json)`,
      `  devices     https://localhost:${ports.devices}    MQTT mqtts://localhost:${ports.mqtt}`,
      `  CRLs        http://localhost:${ports.public}/crl/…`,
      `To look around:`,
      `  export FLEETWARD_URL=${operatorsUrl(world.platform)} FLEETWARD_CA=${world.folder}/root-ca.pem FLEETWARD_TOKEN=${world.operatorToken}`,
      `  npm run fleetward -- thing list`,
    ].join('\n'),
  );
  await new Promise<void>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve());
  });
}
