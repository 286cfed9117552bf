import {
  getPolicyTrial,
  type Part,
  promotePolicy,
  rollbackPolicy,
  startPolicyTrial,
  stopPolicyTrial,
} from '@fleetward/protocol';
import type { Command } from 'commander';
import { addNoun, addVerb, whole } from '../define.ts';
import type { Shell } from '../shell.ts';

type Trial = Part<(typeof getPolicyTrial)['answer']>;

/** `fleetward policy trial …`, `promote` and `rollback`: a version on its way into force, and back. */
export function addPolicyTrial(policy: Command, shell: Shell): void {
  const noun = addNoun(policy, 'trial', 'let a version decide in shadow before it is in force');
  addStart(noun, shell);
  addShow(noun, shell);
  addStop(noun, shell);
}

function addStart(noun: Command, { output, withApi }: Shell): void {
  addVerb(noun, 'start <policy-name>', {
    summary: 'let a version decide in shadow on live connections',
    description:
      'Lets a version decide in shadow on live connections: what it would deny that is allowed, and allow that is denied, is recorded; nothing is enforced. It takes the place of another trial of the policy.',
    examples: ['fleetward policy trial start lamps --version 2'],
  })
    .addOption(
      whole('--version <number>', {
        description: 'this version',
        min: 1,
        max: 999_999_999,
      }).makeOptionMandatory(),
    )
    .action(async (policyName: string, flags: { version: number }) => {
      const body = { versionId: flags.version };
      const trial = await withApi((api) => api.call(startPolicyTrial, { params: { policyName }, body }));
      output.done(trial, `version ${flags.version} of policy \`${policyName}\` is in trial`);
    });
}

function addShow(noun: Command, { output, withApi }: Shell): void {
  addVerb(noun, 'show <policy-name>', {
    summary: 'show what the version in trial would have decided otherwise',
    description:
      'Shows what the version in trial would have denied or allowed otherwise than the one in force, with an example of each and its explanation.',
    examples: ['fleetward policy trial show lamps'],
  }).action(async (policyName: string) => {
    const trial = await withApi((api) => api.call(getPolicyTrial, { params: { policyName } }));
    if (output.json) {
      output.record(trial, {});
      return;
    }
    output.record(trial, {
      policy: trial.policyName,
      version: trial.versionId,
      started: { atMs: trial.startedAtMs },
      decisions: trial.decisions,
      clean: trial.isClean,
    });
    output.line('');
    listFindings(trial, { output });
  });
}

function listFindings(trial: Trial, { output }: Pick<Shell, 'output'>): void {
  output.list(
    trial.findings,
    {
      would: (row) => (row.kind === 'wouldDeny' ? 'deny' : 'allow'),
      action: (row) => row.action,
      resource: (row) => row.resource,
      count: (row) => row.count,
      'last seen': (row) => ({ atMs: row.lastSeenMs }),
      thing: (row) => row.example.thingName ?? row.example.clientId,
      why: (row) => row.example.explanation,
    },
    'it decides as the version in force',
  );
  const { wouldDeny, wouldAllow } = trial.unlisted;
  if (wouldDeny + wouldAllow > 0)
    output.note(`not listed: ${wouldDeny} it would deny, ${wouldAllow} it would allow`);
}

function addStop(noun: Command, { output, withApi }: Shell): void {
  addVerb(noun, 'stop <policy-name>', {
    summary: 'end a trial',
    description: 'Ends a trial and forgets what it found; the version stays stored and is not put in force.',
    examples: ['fleetward policy trial stop lamps'],
  }).action(async (policyName: string) => {
    await withApi((api) => api.call(stopPolicyTrial, { params: { policyName } }));
    output.done({ policyName, outcome: 'stopped' }, `the trial of policy \`${policyName}\` has ended`);
  });
}

export function addPolicyPromote(noun: Command, { output, withApi }: Shell): void {
  addVerb(noun, 'promote <policy-name>', {
    summary: 'put the version in trial in force',
    description:
      'Puts the version in trial in force, at once on live connections. It is refused with what the version would have denied, or when it has seen nothing, unless forced.',
    examples: ['fleetward policy promote lamps'],
  })
    .option('--force', 'though the trial is not clean; the trail says so')
    .action(async (policyName: string, flags: { force?: boolean }) => {
      const body = { force: flags.force === true };
      const version = await withApi((api) => api.call(promotePolicy, { params: { policyName }, body }));
      output.done(version, `version ${version.versionId} of policy \`${policyName}\` is in force`);
    });
}

export function addPolicyRollback(noun: Command, { output, withApi }: Shell): void {
  addVerb(noun, 'rollback <policy-name>', {
    summary: 'put the version in force that was before',
    description: 'Puts the version in force that was in force before, at once on live connections.',
    examples: ['fleetward policy rollback lamps'],
  }).action(async (policyName: string) => {
    const version = await withApi((api) => api.call(rollbackPolicy, { params: { policyName } }));
    output.done(version, `version ${version.versionId} of policy \`${policyName}\` is in force again`);
  });
}
