import {
  createProvisioningTemplate,
  createProvisioningTemplateVersion,
  getProvisioningHookKey,
  getProvisioningTemplate,
  listProvisioningTemplates,
  removeProvisioningTemplate,
  removeProvisioningTemplateVersion,
  updateProvisioningTemplate,
} from '@fleetward/protocol';
import type { Command } from 'commander';
import { addVerb, whole } from '../define.ts';
import { usage } from '../errors.ts';
import { readInput } from '../read-input.ts';
import type { Shell } from '../shell.ts';

const templateBytesMax = 10_240;

/** `fleetward provisioning-template …`: what becomes of a device that provisions. */
export function addProvisioningTemplate(noun: Command, shell: Shell): void {
  addCreate(noun, shell);
  addList(noun, shell);
  addShow(noun, shell);
  addUpdate(noun, shell);
  addAddVersion(noun, shell);
  addDeleteVersion(noun, shell);
  addDelete(noun, shell);
  addHookKey(noun, shell);
}

function addCreate(noun: Command, shell: Shell): void {
  addVerb(noun, 'create <template-name> <file>', {
    summary: 'store a provisioning template',
    description:
      'Stores a fleet provisioning template as AWS IoT writes it (docs/reference/provisioning-templates.md), in force at once. What is not ' +
      'understood is refused with its place. A device gets its name, policies and groups from it, and never chooses a policy or group.',
    examples: [
      'fleetward provisioning-template create lamps lamps-template.json',
      'fleetward provisioning-template create lamps lamps-template.json --hook https://factory.example/check',
    ],
  })
    .option(
      '--hook <url>',
      'asked before each provisioning; its host is in the setting `provisioning.hookHosts`',
    )
    .option('--rejoin', 'let a device take a name that an active certificate speaks for already')
    .action(async (templateName: string, file: string, flags: { hook?: string; rejoin?: boolean }) => {
      const body = {
        templateName,
        template: await readTemplate(file, shell),
        mayRejoin: flags.rejoin === true,
        ...(flags.hook === undefined ? {} : { hookUrl: flags.hook }),
      };
      const saved = await shell.withApi((api) => api.call(createProvisioningTemplate, { body }));
      shell.output.done(saved, `template \`${templateName}\` is stored and in force`);
      for (const note of saved.notes) shell.output.note(note);
    });
}

function addList(noun: Command, { output, withApi }: Shell): void {
  addVerb(noun, 'list', {
    summary: 'list the provisioning templates',
    description: 'Lists the provisioning templates.',
    examples: ['fleetward provisioning-template list'],
  }).action(async () => {
    const { templates } = await withApi((api) => api.call(listProvisioningTemplates));
    output.list(
      templates,
      {
        template: (row) => row.templateName,
        version: (row) => String(row.defaultVersionId),
        state: (row) => (row.isEnabled ? 'on' : 'off'),
        rejoin: (row) => (row.mayRejoin ? 'yes' : 'no'),
        hook: (row) => row.hookUrl,
        created: (row) => ({ atMs: row.createdAtMs }),
      },
      'no provisioning templates',
    );
  });
}

function addShow(noun: Command, { output, withApi }: Shell): void {
  addVerb(noun, 'show <template-name>', {
    summary: 'print a template',
    description: 'Prints the text of a template that is in force, or of another version.',
    examples: [
      'fleetward provisioning-template show lamps',
      'fleetward provisioning-template show lamps --version 2',
    ],
  })
    .addOption(whole('--version <number>', { description: 'another version', min: 1, max: 999_999_999 }))
    .action(async (templateName: string, flags: { version?: number }) => {
      const query = flags.version === undefined ? {} : { versionId: flags.version };
      const found = await withApi((api) =>
        api.call(getProvisioningTemplate, { params: { templateName }, query }),
      );
      if (output.json) output.done(found, '');
      else output.line(found.template.trimEnd());
      const versions = found.versions.map(({ versionId }) => versionId).join(', ');
      output.note(`version ${found.versionId}; there are ${versions}, ${found.defaultVersionId} is in force`);
      for (const note of found.notes) output.note(note);
    });
}

interface UpdateFlags {
  readonly enable?: boolean;
  readonly disable?: boolean;
  readonly rejoin?: boolean;
  readonly hook?: string | false;
  readonly setDefault?: number;
}

function addUpdate(noun: Command, { output, withApi }: Shell): void {
  addVerb(noun, 'update <template-name>', {
    summary: 'switch a template on or off, put a version in force, or change its hook',
    description: 'Changes what is named and nothing else; it holds from the next request on.',
    examples: [
      'fleetward provisioning-template update lamps --disable',
      'fleetward provisioning-template update lamps --set-default 2',
      'fleetward provisioning-template update lamps --no-hook',
    ],
  })
    .option('--enable', 'switch it on')
    .option('--disable', 'switch it off: no device is provisioned by it')
    .option('--rejoin', 'let a device take a name that an active certificate speaks for already')
    .option('--no-rejoin', 'refuse such a device')
    .option('--hook <url>', 'ask this hook before each provisioning')
    .option('--no-hook', 'ask none')
    .addOption(
      whole('--set-default <version>', {
        description: 'put this version in force',
        min: 1,
        max: 999_999_999,
      }),
    )
    .action(async (templateName: string, flags: UpdateFlags, command: Command) => {
      const body = changeOf(flags, command);
      const params = { templateName };
      const changed = await withApi((api) => api.call(updateProvisioningTemplate, { params, body }));
      output.done(changed, `template \`${templateName}\` is changed`);
    });
}

/** A flag with a `--no-` form is there only when it was given. */
function changeOf(flags: UpdateFlags, command: Command) {
  const isGiven = (name: string) => command.getOptionValueSource(name) === 'cli';
  if (flags.enable === true && flags.disable === true)
    throw usage('`--enable` and `--disable` exclude each other');
  const change = {
    ...(flags.enable === true ? { isEnabled: true } : {}),
    ...(flags.disable === true ? { isEnabled: false } : {}),
    ...(isGiven('rejoin') ? { mayRejoin: flags.rejoin === true } : {}),
    ...(isGiven('hook') ? { hookUrl: typeof flags.hook === 'string' ? flags.hook : null } : {}),
    ...(flags.setDefault === undefined ? {} : { defaultVersionId: flags.setDefault }),
  };
  if (Object.keys(change).length === 0) throw usage('say what to change, such as `--disable`');
  return change;
}

function addAddVersion(noun: Command, shell: Shell): void {
  addVerb(noun, 'add-version <template-name> <file>', {
    summary: 'store a new version of a template',
    description: 'Stores a new version, at most five. With `--set-default` it is in force at once.',
    examples: ['fleetward provisioning-template add-version lamps lamps-2.json --set-default'],
  })
    .option('--set-default', 'put it in force at once')
    .action(async (templateName: string, file: string, flags: { setDefault?: boolean }) => {
      const body = { template: await readTemplate(file, shell), setAsDefault: flags.setDefault === true };
      const params = { templateName };
      const saved = await shell.withApi((api) =>
        api.call(createProvisioningTemplateVersion, { params, body }),
      );
      const force = body.setAsDefault ? 'in force' : 'not in force yet';
      shell.output.done(
        saved,
        `version ${saved.versionId} of template \`${templateName}\` is stored, ${force}`,
      );
      for (const note of saved.notes) shell.output.note(note);
    });
}

function addDeleteVersion(noun: Command, { output, withApi }: Shell): void {
  addVerb(noun, 'delete-version <template-name> <version>', {
    summary: 'delete a version that is not in force',
    description: 'Deletes a version of a template; not the one in force.',
    examples: ['fleetward provisioning-template delete-version lamps 1'],
  }).action(async (templateName: string, versionId: string) => {
    const params = { templateName, versionId };
    await withApi((api) => api.call(removeProvisioningTemplateVersion, { params }));
    output.done(
      { ...params, outcome: 'deleted' },
      `version ${versionId} of template \`${templateName}\` is deleted`,
    );
  });
}

function addDelete(noun: Command, { output, withApi }: Shell): void {
  addVerb(noun, 'delete <template-name>', {
    summary: 'delete a template that no valid claim provisions by',
    description: 'Deletes a template with all its versions. Devices it has provisioned stay as they are.',
    examples: ['fleetward provisioning-template delete lamps'],
  }).action(async (templateName: string) => {
    await withApi((api) => api.call(removeProvisioningTemplate, { params: { templateName } }));
    output.done({ templateName, outcome: 'deleted' }, `template \`${templateName}\` is deleted`);
  });
}

function addHookKey(noun: Command, { output, withApi }: Shell): void {
  addVerb(noun, 'hook-key', {
    summary: 'show the key that verifies requests to hooks',
    description:
      'Shows the public key by which a pre-provisioning hook tells requests of the platform from others (HTTP Message Signatures, RFC 9421).',
    examples: ['fleetward provisioning-template hook-key'],
  }).action(async () => {
    const key = await withApi((api) => api.call(getProvisioningHookKey));
    output.record(key, { 'key id': key.keyId, algorithm: key.algorithm, 'public key': key.publicKey });
  });
}

async function readTemplate(file: string, { terminal }: Shell): Promise<string> {
  return Buffer.from(await readInput(file, { terminal, bytesMax: templateBytesMax })).toString('utf8');
}
