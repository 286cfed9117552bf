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
  const interruption = interruptions();
  const terminal = createTerminal(options);
  const story = new Story(terminal);
  terminal.started();
  const world = await createWorld();
  try {
    await Promise.race([tell(story, world), interruption]);
    terminal.finished(story);
    if (options.keep) await keepUp(world, { note: terminal.note, interruption });
  } catch (error) {
    if (!(error instanceof Interrupted)) throw error;
    terminal.note('interrupted: everything is taken down');
    return false;
  } finally {
    await unwind(world.undo);
  }
  return story.passed;
}

class Interrupted extends Error {}

/** Rejects on Ctrl-C or an end that is asked for, so that nothing is left running. */
function interruptions(): Promise<never> {
  const { promise, reject } = Promise.withResolvers<never>();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => reject(new Interrupted()));
  promise.catch(() => undefined); // it may come while nothing waits
  return promise;
}

/** Each step stands for itself: what an earlier one did not leave behind fails the lines that need it, not the story. */
async function tell(story: Story, world: World): Promise<void> {
  await initialisationSteps(story, world);
  await enrolmentSteps(story, world);
  await admissionSteps(story, world);
  await story.orFail('the policy steps', () => policySteps(story, world));
  const agent = await releaseSteps(story, world);
  await story.orFail('the rollback steps', () => rollbackSteps(story, world, agent));
  await revocationSteps(story, world);
  await trailSteps(story, world);
}

async function keepUp(
  world: World,
  { note, interruption }: { readonly note: (text: string) => void; readonly interruption: Promise<never> },
): Promise<void> {
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
  await interruption.catch((error: unknown) => {
    if (!(error instanceof Interrupted)) throw error;
  });
}
