import { type ApiClient, getCa, getCaReadiness, listCas, type Part, setCaState } from '@fleetward/protocol';
import { confirm } from '../confirm.ts';
import { certificateIdsOf, resolveTarget } from '../context.ts';
import type { Shell } from '../shell.ts';

type Readiness = Part<(typeof getCaReadiness)['answer']>;

/** As many as the API lists. */
const listedMax = 1_000;

/** Takes a CA away for ever, once somebody who has read what that does has said yes. */
export async function removeCa(
  certificateId: string,
  { yes, shell }: { readonly yes: boolean; readonly shell: Shell },
): Promise<void> {
  const { terminal, output, withApi } = shell;
  const params = { certificateId };
  await withApi(async (api) => {
    const { subject } = await api.call(getCa, { params });
    const found = await api.call(getCaReadiness, { params, query: { limit: listedMax } });
    const effect = effectOf(found);
    if (await isTrustedAlone(certificateId, { api, shell })) output.note(shutsYouOut);
    if (!yes) await confirm(questionOf(subject, effect), terminal);
    const state = 'removed';
    await api.call(setCaState, { params, body: { state } });
    const { inForce, unready } = found;
    output.done(
      { certificateId, state, subject, inForce, unready, things: thingsOf(found).size },
      `CA \`${certificateId}\` (${subject}) is removed: ${effect}`,
    );
  });
}

const shutsYouOut =
  'warning: it is the only root that you trust here yourself, and after this you would be shut out: give the new one first, with `fleetward operator trust NEW-ROOT.pem`, or with `--ca` or `FLEETWARD_CA` where you use that';

/** Whether the caller believes the platform by this root, and by none that is left. */
async function isTrustedAlone(
  certificateId: string,
  { api, shell }: { readonly api: ApiClient; readonly shell: Shell },
): Promise<boolean> {
  const { ca = '' } = resolveTarget(shell.flags, shell.terminal.environment);
  const trusted = certificateIdsOf(ca);
  if (!trusted.includes(certificateId)) return false;
  const { cas } = await api.call(listCas);
  return !cas.some(
    (other) =>
      other.kind === 'root' &&
      other.state !== 'removed' &&
      other.certificateId !== certificateId &&
      trusted.includes(other.certificateId),
  );
}

function questionOf(subject: string, effect: string) {
  return {
    message: `Remove the CA ${subject} for ever? ${effect}`,
    refused: 'the CA is as it was',
    unasked: `nobody can be asked here whether the CA ${subject} is to be removed for ever: give \`--yes\` once you have looked; ${effect}`,
  };
}

/** What it does to the fleet, in a sentence. */
function effectOf(found: Readiness): string {
  const { inForce, unready, byReason, canIssue, certificates } = found;
  const things = `${certificates.length < unready ? 'at least ' : ''}${thingsOf(found).size}`;
  const whom =
    unready === 0
      ? `it concerns none of the ${inForce} certificates in force`
      : `of ${inForce} certificates in force it concerns ${unready}, for ${things} things: ${byReason.certificate} are refused, ${byReason['server-trust']} may believe the platform no more`;
  return canIssue ? whom : `${whom}; the platform can issue no more`;
}

function thingsOf({ certificates }: Readiness): ReadonlySet<string> {
  return new Set(certificates.flatMap(({ thingNames }) => thingNames));
}
