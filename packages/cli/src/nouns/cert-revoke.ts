import { type ApiClient, listCertificates, type Part, revokeCertificate } from '@fleetward/protocol';
import { type Command, Option } from 'commander';
import { addVerb } from '../define.ts';
import { type CliError, usage } from '../errors.ts';
import { readPages } from '../pages.ts';
import type { Shell } from '../shell.ts';

type Reason = NonNullable<Part<(typeof revokeCertificate)['body']>['reason']>;

const reasons: readonly Reason[] = [
  'unspecified',
  'keyCompromise',
  'cACompromise',
  'affiliationChanged',
  'superseded',
  'cessationOfOperation',
  'privilegeWithdrawn',
  'certificateHold',
];

interface RevokeFlags {
  readonly reason?: Reason;
  readonly thing?: string;
  readonly only?: boolean;
  readonly wait?: boolean;
}

export function addCertRevoke(noun: Command, shell: Shell): void {
  const { withApi } = shell;
  addVerb(noun, 'revoke [certificate-id]', {
    summary: 'revoke a certificate or all of a thing, or put it on hold',
    description:
      'Revokes a certificate for ever, and those that were renewed from it: live connections are cut at once and new ones refused. What else ' +
      'still speaks for its thing is named: `--thing` revokes all of a thing. `--only` spares the renewed ones, and so do the reasons ' +
      '`superseded` and `cessationOfOperation`, by which the device is not judged. With `--wait` the command ends when the revocation list is ' +
      'signed too. It prints when each step was done. With `--reason certificateHold` it is not for ever: `cert unhold` lifts it.',
    examples: [
      'fleetward cert revoke 9f86d081884c7d65… --reason keyCompromise --wait',
      'fleetward cert revoke --thing lamp-7 --reason privilegeWithdrawn',
    ],
  })
    .addOption(new Option('--reason <reason>', 'why (RFC 5280 §5.3.1)').choices(reasons))
    .option('--thing <name>', 'every certificate that speaks for a thing, instead of one')
    .option('--only', 'this certificate, and none that was renewed from it')
    .option('--wait', 'wait until the new revocation list is signed')
    .action(async (certificateId: string | undefined, flags: RevokeFlags) => {
      const { thing } = flags;
      if ((certificateId === undefined) === (thing === undefined))
        throw usage('give a certificate id, or `--thing`');
      if (thing !== undefined && flags.only === true)
        throw usage('`--only` is about one certificate, not `--thing`');
      if (certificateId !== undefined && !/^[0-9a-f]{64}$/.test(certificateId)) throw notAnId(certificateId);
      await withApi(async (api) => {
        if (certificateId !== undefined) return told(await revoke(api, certificateId, flags), shell);
        return revokeAll(api, { ...flags, thing: thing ?? '' }, shell);
      });
    });
}

/** At 3 a.m. people type the name of the device. */
function notAnId(given: string): CliError {
  return usage(
    `\`${given}\` is not a certificate id, which has 64 hex digits`,
    `\`fleetward cert revoke --thing ${given}\` revokes all of a thing; \`fleetward cert list\` shows the ids`,
  );
}

type Answer = Part<(typeof revokeCertificate)['answer']>;

function revoke(api: ApiClient, certificateId: string, { reason, only, wait }: RevokeFlags): Promise<Answer> {
  const body = {
    wait: wait === true,
    ...(reason === undefined ? {} : { reason }),
    ...(only === true ? { successors: false } : {}),
  };
  return api.call(revokeCertificate, { params: { certificateId }, body });
}

/** Again until there is none left: a device may renew while its certificates are being revoked. */
async function revokeAll(
  api: ApiClient,
  flags: RevokeFlags & { thing: string },
  shell: Shell,
): Promise<void> {
  const seen = new Set<string>();
  for (;;) {
    const left = (await certificatesLeft(api, flags)).filter((id) => !seen.has(id));
    const [certificateId] = left;
    if (certificateId === undefined) break;
    seen.add(certificateId);
    const answer = await revoke(api, certificateId, { ...flags, only: true });
    told({ ...answer, otherCertificateIds: [] }, shell);
  }
  if (seen.size === 0 && !shell.output.json)
    shell.output.line(`no certificate of \`${flags.thing}\` is left to revoke`);
}

/** Also those that ended: within their grace they may be renewed. */
async function certificatesLeft(api: ApiClient, { thing, reason }: RevokeFlags & { thing: string }) {
  const { items } = await readPages(10_000, async (query) => {
    const page = await api.call(listCertificates, { query: { ...query, thingName: thing } });
    return { items: page.certificates, next: page.next };
  });
  const isHold = reason === 'certificateHold';
  return items
    .filter(
      ({ state, revocationReason, isUnrecorded }) =>
        state !== 'REVOKED' || isUnrecorded || (!isHold && revocationReason === 'certificateHold'),
    )
    .map(({ certificateId }) => certificateId);
}

function told(answer: Answer, { output }: Shell): void {
  const { certificateId, successors, otherCertificateIds: others } = answer;
  const requestedAtMs = answer.steps[0]?.atMs ?? answer.revokedAtMs;
  const steps = answer.steps.map(({ step, atMs }) => [step, `+${atMs - requestedAtMs} ms`]);
  output.record(answer, {
    certificate: certificateId,
    outcome: answer.outcome,
    revoked: { atMs: answer.revokedAtMs },
    'connections cut': answer.sessionsCut,
    'queues frozen': answer.queuesFrozen,
    'CRL number': answer.crlNumber,
    ...Object.fromEntries(steps),
    ...(successors.length === 0
      ? {}
      : { 'and what was renewed from it': successors.map((each) => each.certificateId).join(' ') }),
  });
  if (others.length === 0) return;
  output.note(
    `its thing is also spoken for by ${others.map((id) => `\`${id}\``).join(', ')}; \`fleetward cert revoke --thing\` revokes all`,
  );
}
