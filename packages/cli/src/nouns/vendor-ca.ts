import {
  createVendorCaCode,
  getVendorCa,
  listVendorCas,
  registerVendorCa,
  removeVendorCa,
  setVendorCaState,
} from '@fleetward/protocol';
import type { Command } from 'commander';
import { addVerb } from '../define.ts';
import { readOperatorNames } from '../operator-names.ts';
import { readCertificates } from '../read-certificates.ts';
import type { Shell } from '../shell.ts';

/** `fleetward vendor-ca …`: CAs of vendors, whose devices come in by certificates of them. */
export function addVendorCa(noun: Command, shell: Shell): void {
  addCode(noun, shell);
  addRegister(noun, shell);
  addList(noun, shell);
  addShow(noun, shell);
  addDeactivate(noun, shell);
  addActivate(noun, shell);
  addDelete(noun, shell);
}

function addCode(noun: Command, { output, withApi }: Shell): void {
  addVerb(noun, 'code', {
    summary: 'make a registration code for a vendor to sign',
    description:
      'Prints a code that is good once. The vendor makes a certificate with it as the common name, signed by the CA’s key, and sends it ' +
      'with the CA: proof that it holds the key. Nobody can register a CA without it.',
    examples: ['fleetward vendor-ca code'],
  }).action(async () => {
    const made = await withApi((api) => api.call(createVendorCaCode));
    if (output.json) output.done(made, '');
    else output.line(made.code);
    output.note(`the code works once, until ${new Date(made.expiresAtMs).toISOString()}`);
  });
}

interface RegisterFlags {
  readonly verification: string;
  readonly template?: string;
}

function addRegister(noun: Command, shell: Shell): void {
  const { output, withApi } = shell;
  addVerb(noun, 'register <ca-file>', {
    summary: 'register the CA of a vendor',
    description:
      'Registers a CA, active at once, with the verification certificate by which its vendor shows that it holds the CA’s key. With ' +
      '`--template`, a device becomes a thing by that template when it connects for the first time; without it, its certificate is ' +
      'registered as PENDING_ACTIVATION and waits for `cert activate`. Either way the first connection is cut, and the device comes again.',
    examples: [
      'fleetward vendor-ca register acme-ca.pem --verification acme-verification.pem --template acme',
      'fleetward vendor-ca register acme-ca.pem --verification acme-verification.pem',
    ],
  })
    .requiredOption(
      '--verification <file>',
      'certificate signed by the CA whose common name is the code, PEM',
    )
    .option('--template <name>', 'what becomes of its devices at their first connection')
    .action(async (caFile: string, { verification, template }: RegisterFlags) => {
      const body = {
        caPem: await readCertificates(caFile, shell.terminal),
        verificationPem: await readCertificates(verification, shell.terminal),
        ...(template === undefined ? {} : { templateName: template }),
      };
      const ca = await withApi((api) => api.call(registerVendorCa, { body }));
      output.done(ca, `vendor CA \`${ca.certificateId}\` (\`${ca.subject}\`) is registered and ${ca.state}`);
    });
}

function addList(noun: Command, { output, withApi }: Shell): void {
  addVerb(noun, 'list', {
    summary: 'list the vendor CAs',
    description: 'Lists the vendor CAs that are registered.',
    examples: ['fleetward vendor-ca list'],
  }).action(async () => {
    const { vendorCas } = await withApi((api) => api.call(listVendorCas));
    output.list(
      vendorCas,
      {
        'vendor CA': (row) => row.certificateId,
        state: (row) => row.state,
        template: (row) => row.templateName,
        subject: (row) => row.subject,
        'valid until': (row) => ({ atMs: row.notAfterMs }),
      },
      'no vendor CAs',
    );
  });
}

function addShow(noun: Command, { output, withApi }: Shell): void {
  addVerb(noun, 'show <certificate-id>', {
    summary: 'show a vendor CA',
    description: 'Shows a vendor CA; `--json` has its certificate in PEM.',
    examples: ['fleetward vendor-ca show 9f86d081884c7d65…'],
  }).action(async (certificateId: string) => {
    const [ca, nameOf] = await withApi((api) =>
      Promise.all([api.call(getVendorCa, { params: { certificateId } }), readOperatorNames(api)]),
    );
    output.record(ca, {
      'vendor CA': ca.certificateId,
      subject: ca.subject,
      state: ca.state,
      template: ca.templateName,
      'valid until': { atMs: ca.notAfterMs },
      registered: { atMs: ca.createdAtMs },
      by: nameOf(ca.createdBy),
    });
  });
}

function addDeactivate(noun: Command, { output, withApi }: Shell): void {
  addVerb(noun, 'deactivate <certificate-id>', {
    summary: 'switch a vendor CA off',
    description:
      'From then on nothing that the CA issued is believed: its devices are cut at once and shut out, and no new one comes in. What the ' +
      'registry has of them stays, and `vendor-ca activate` lets them in again.',
    examples: ['fleetward vendor-ca deactivate 9f86d081884c7d65…'],
  }).action(async (certificateId: string) => {
    const params = { certificateId };
    const done = await withApi((api) => api.call(setVendorCaState, { params, body: { state: 'inactive' } }));
    output.done(done, `vendor CA \`${certificateId}\` is inactive; ${done.sessionsCut} connections were cut`);
  });
}

function addActivate(noun: Command, { output, withApi }: Shell): void {
  addVerb(noun, 'activate <certificate-id>', {
    summary: 'switch a vendor CA on again',
    description: 'Lets the devices of a vendor CA that was switched off in again.',
    examples: ['fleetward vendor-ca activate 9f86d081884c7d65…'],
  }).action(async (certificateId: string) => {
    const params = { certificateId };
    const done = await withApi((api) => api.call(setVendorCaState, { params, body: { state: 'active' } }));
    output.done(done, `vendor CA \`${certificateId}\` is active`);
  });
}

function addDelete(noun: Command, { output, withApi }: Shell): void {
  addVerb(noun, 'delete <certificate-id>', {
    summary: 'delete a vendor CA that is inactive',
    description:
      'Deletes a vendor CA; its devices stay shut out. The records of their certificates stay, so that a revoked one stays revoked if the ' +
      'CA is ever registered again, which takes a new code.',
    examples: ['fleetward vendor-ca delete 9f86d081884c7d65…'],
  }).action(async (certificateId: string) => {
    await withApi((api) => api.call(removeVendorCa, { params: { certificateId } }));
    output.done({ certificateId, outcome: 'deleted' }, `vendor CA \`${certificateId}\` is deleted`);
  });
}
