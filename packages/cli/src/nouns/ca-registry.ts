import { getCa, listCas, setCaState } from '@fleetward/protocol';
import { Argument, type Command } from 'commander';
import { addVerb } from '../define.ts';
import type { Shell } from '../shell.ts';
import { removeCa } from './ca-removal.ts';

/** `fleetward ca list`: the CAs of the platform. */
export function addCaList(noun: Command, { output, withApi }: Shell): void {
  addVerb(noun, 'list', {
    summary: 'list the CAs',
    description: 'Lists the root and issuing CAs with their states; `--json` has their certificates in PEM.',
    examples: [
      'fleetward ca list',
      'fleetward ca list --json | jq -r \'select(.kind=="root").pem\' > root-ca.pem',
    ],
  }).action(async () => {
    const { cas } = await withApi((api) => api.call(listCas));
    output.list(
      cas,
      {
        ca: (row) => row.certificateId,
        kind: (row) => row.kind,
        state: (row) => row.state,
        subject: (row) => row.subject,
        'valid until': (row) => ({ atMs: row.notAfterMs }),
      },
      'no CAs',
    );
  });
}

/** `fleetward ca show`: one CA, with its certificate. */
export function addCaShow(noun: Command, { output, withApi }: Shell): void {
  addVerb(noun, 'show <certificate-id>', {
    summary: 'show a CA and its certificate',
    description: 'Shows a CA with its certificate in PEM.',
    examples: ['fleetward ca show 9f86d081884c7d65…'],
  }).action(async (certificateId: string) => {
    const ca = await withApi((api) => api.call(getCa, { params: { certificateId } }));
    output.record(ca, {
      ca: ca.certificateId,
      kind: ca.kind,
      state: ca.state,
      subject: ca.subject,
      'here since': { atMs: ca.createdAtMs },
      'valid until': { atMs: ca.notAfterMs },
    });
    if (!output.json) output.line(ca.pem.trimEnd());
  });
}

type State = 'active' | 'retired' | 'removed';

/** `fleetward ca set-state`: retires a CA, or removes it for ever. */
export function addCaSetState(noun: Command, shell: Shell): void {
  const { output, withApi } = shell;
  addVerb(noun, 'set-state', {
    summary: 'retire or remove a CA, or make it active again',
    description:
      'A retired CA issues no more. A removed one is trusted no more: every device with a certificate of it is cut at ' +
      'once and shut out, for ever. A removal says whom it concerns, as `ca readiness` counts them, and asks.',
    examples: [
      'fleetward ca set-state 9f86d081884c7d65… retired',
      'fleetward ca set-state 9f86d081884c7d65… removed --yes',
    ],
  })
    .argument('<certificate-id>', 'the CA, as `ca list` shows it')
    .addArgument(new Argument('<state>', 'its new state').choices(['active', 'retired', 'removed']))
    .option('--yes', 'do not ask before a removal: needed where nobody can be asked')
    .action(async (certificateId: string, state: State, flags: { yes?: boolean }) => {
      if (state === 'removed') return removeCa(certificateId, { yes: flags.yes === true, shell });
      await withApi((api) => api.call(setCaState, { params: { certificateId }, body: { state } }));
      output.done({ certificateId, state }, `CA \`${certificateId}\` is ${state}`);
    });
}
