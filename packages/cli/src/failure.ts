import { isAppError } from '@fleetward/core';
import type { ApiError } from '@fleetward/protocol';
import { CommanderError } from 'commander';
import { CliError } from './errors.ts';
import { misnamedPart } from './misnamed-part.ts';
import { jsonLine, printable } from './printable.ts';

/** What went wrong, for a person or a program. */
export interface Failure {
  readonly code: string;
  readonly message: string;
  /** What to do about it. */
  readonly hint?: string;
  /** The parts of the input that are wrong. */
  readonly errors?: readonly FailedPart[];
  /** Names the occurrence in the platform's log. */
  readonly instance?: string;
  /** 1: refused or failed; 2: the command line or its input cannot be read. */
  readonly exitCode: 1 | 2;
}

interface FailedPart {
  readonly path: string;
  readonly message: string;
  readonly expected: string;
}

const unreadableCodes =
  /^(?:cli\.(?:usage|unreadable|not_configured)|core\.|pki\.|config\.|policy\.request$|updates\.(?:key_invalid|metadata_invalid|record_invalid|target_invalid)$|api\.invalid_options$)/;

/** Turns anything thrown into what is shown and the exit code. `usageHint` is for a command line that is not understood. */
export function describeFailure(error: unknown, usageHint: string): Failure {
  if (error instanceof CommanderError) return describeUsage(error, usageHint);
  if (isApiError(error)) return describeApiError(error);
  if (!isAppError(error)) return { code: 'cli.unexpected', message: messageOf(error), exitCode: 1 };
  const hint = error instanceof CliError ? error.hint : hintOf(error.code, error.message);
  const issues = error.details.issues;
  return {
    code: error.code,
    message: error.message,
    ...(hint === undefined ? {} : { hint }),
    ...(Array.isArray(issues) ? { errors: issues as readonly FailedPart[] } : {}),
    exitCode: unreadableCodes.test(error.code) ? 2 : 1,
  };
}

/** The failure as text for standard error: what was wrong, where, what to do; or one JSON document. */
export function formatFailure(failure: Failure, json: boolean): string {
  if (json) return `${jsonLine({ error: failure })}\n`;
  const { message, errors = [], hint, code, instance } = failure;
  const single = errors.length === 1 ? errors[0] : undefined;
  if (single !== undefined && message.includes(single.message)) {
    const expected = message.includes(single.expected) ? '' : `; expected ${single.expected}`;
    return formatFailure({ ...failure, message: `${message}${expected}`, errors: [] }, false);
  }
  const parts = errors.map((part) => `  at ${part.path}: ${part.message}; expected ${part.expected}`);
  return [
    `error: ${message} [${code}]`,
    ...parts,
    ...(hint === undefined ? [] : [`  → ${hint}`]),
    ...(instance === undefined ? [] : [`  occurrence \`${instance}\` in the platform's log`]),
  ]
    .map((line) => `${printable(line)}\n`)
    .join('');
}

const hints: Readonly<Record<string, string>> = {
  'api.unreachable':
    'is the platform running (`fleetward serve`), and are `--url` and `--ca` those of its operators listener?',
  'api.timeout': 'the platform answers slowly or not at all; try again',
  'http.not_found':
    'is `--url` the operators listener (9443 by default), and is the platform as new as this command?',
  'http.unauthenticated':
    'the token is wrong, expired or revoked: give another by `--token-file`, or make one with `fleetward operator create-token`; none left? stop the platform, `fleetward init --new-setup-token`',
  'http.too_many_failures': 'too many wrong tokens from this address; wait a minute',
  'operators.setup_refused':
    'the setup token works once and not for ever; an operator makes another for your name with `fleetward operator invite`; none left? stop the platform, `fleetward init --new-setup-token`',
  'campaigns.empty':
    '`fleetward campaign show` says for what it is, `fleetward thing list` with the same `--query` what that finds; with `--continuous` a campaign waits for things that come later',
  'campaigns.own_approval':
    'give the token of another operator with `--token-file`: one whom nobody invited is made with `fleetward init --new-setup-token` while the platform is stopped, then `fleetward operator setup`',
  'campaigns.release_unknown': '`fleetward release list` shows the paths',
  'campaigns.state':
    '`fleetward campaign show` says where it is: `approve` what is PROPOSED, `start` what is READY, `resume` what is PAUSED; what is over takes `roll-back` alone',
  'jobs.exists': '`fleetward job delete` removes one that is over; without `--id` one is made',
  'jobs.not_found': '`fleetward job list` shows the jobs',
  'jobs.state': '`fleetward job show` says where it is; `--force` also ends what devices have begun',
  'device_metrics.not_found': '`fleetward device-metric list` shows the reports of a thing',
  'device_metrics.range_too_long':
    'ask for less by `--from` and `--to`, or for longer stretches by `--bucket`',
  'shadows.not_found': '`fleetward shadow list` shows the shadows of a thing',
  'shadows.version_conflict':
    'it was changed meanwhile: `fleetward shadow get` shows its version and what it holds now',
  'ddi.token_not_found': '`fleetward target-token list` shows which things have one',
  'endorsements.exists': '`fleetward endorsement list` shows what is trusted',
  'endorsements.limit': '`fleetward endorsement delete` removes a root that is not needed',
  'endorsements.not_found': '`fleetward endorsement list` shows what is trusted',
  'enrollment.token_not_found': '`fleetward join-token list` shows the join tokens',
  'groups.not_found': '`fleetward group list` shows the groups, `fleetward group create` makes one',
  'groups.dynamic': '`fleetward group update --query` changes which things are in it',
  'groups.not_empty':
    '`fleetward group show` tells what it holds; `fleetward group move` and `fleetward group remove` empty it',
  'operators.name_taken': '`fleetward operator list` shows the operators',
  'policies.not_found': '`fleetward policy list` shows the policies, `fleetward policy create` makes one',
  'policies.exists': 'store another version of it: `fleetward policy add-version`',
  'policies.attached': 'detach it first: `fleetward policy detach`',
  'policies.trial_not_clean':
    '`fleetward policy trial show` has all of it; change the version, or put it in force all the same with `--force`',
  'policies.version_limit': 'delete one first: `fleetward policy delete-version`',
  'provisioning.template_exists':
    'store another version of it: `fleetward provisioning-template add-version`',
  'provisioning.template_not_found':
    '`fleetward provisioning-template list` shows the templates, `fleetward provisioning-template create` makes one',
  'releases.artifact_missing': 'run `fleetward release publish` from the folder that holds the artifacts',
  'releases.metadata_refused':
    '`fleetward release verify FOLDER --root FILE` says all that is wrong; signatures are added by `release sign` and `release co-sign`',
  'search.field_unknown': 'docs/reference/search.md lists the fields',
  'search.query_invalid':
    'a condition is FIELD:VALUE or FIELD<VALUE, such as `type:lamp`; docs/reference/search.md has more',
  'things.attached':
    'take its certificates away first: `fleetward thing detach-certificate`, or `fleetward cert revoke --thing` if its device shall not come back',
  'things.exists': '`fleetward thing update` changes it',
  'things.not_found': '`fleetward thing list` shows the things',
  'updates.key_locked': 'check the passphrase',
  'keys.master_key':
    'is this the folder of a platform? `fleetward init` makes one; the setting `masterKey` says where its key is',
  'platform.not_initialised': 'run `fleetward init` with the same `--folder` first',
};

function hintOf(code: string, message: string): string | undefined {
  if (code === 'keys.master_key' && message.includes('read by others'))
    return 'if somebody else may have read it, make another and run `fleetward master-key rotate`';
  return hints[code];
}

/** By its codes, which are nobody else's: the class would bring the whole protocol along. */
function isApiError(error: unknown): error is ApiError {
  return isAppError(error) && error.code.startsWith('api.');
}

function describeApiError(error: ApiError): Failure {
  const { problem } = error;
  if (problem === undefined) {
    const hint = hints[error.code];
    const exitCode = unreadableCodes.test(error.code) ? 2 : 1;
    return { code: error.code, message: error.message, ...(hint === undefined ? {} : { hint }), exitCode };
  }
  const hint = hints[problem.code];
  const misnamed = problem.code === 'http.invalid_request' ? misnamedPart(problem.errors ?? []) : undefined;
  if (misnamed !== undefined)
    return { code: problem.code, message: misnamed.message, errors: [misnamed], exitCode: 1 };
  return {
    code: problem.code,
    message: problem.detail,
    ...(hint === undefined ? {} : { hint }),
    ...(problem.errors === undefined ? {} : { errors: problem.errors }),
    ...(problem.instance === undefined ? {} : { instance: problem.instance }),
    exitCode: 1,
  };
}

/** Commander's sentences begin with `error: ` and may end with a suggestion in brackets on a line of its own. */
function describeUsage(error: CommanderError, usageHint: string): Failure {
  const [first = '', suggestion] = error.message.replace(/^error: /, '').split('\n');
  const meant = /^\(Did you mean (.+)\?\)$/.exec(suggestion ?? '')?.[1];
  const hint = meant === undefined ? usageHint : `did you mean \`${meant}\`?`;
  return { code: 'cli.usage', message: first, hint, exitCode: 2 };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
