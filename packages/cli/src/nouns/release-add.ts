import { basename } from 'node:path';
import {
  addToRelease,
  customOfChunks,
  customOfRecord,
  customOfRelease,
  openReleaseFolder,
  type ReleaseComponent,
  type ReleaseRecord,
} from '@fleetward/updates';
import { type Command, Option } from 'commander';
import { addVerb, repeatable, whole } from '../define.ts';
import { parseDurationMs } from '../moment.ts';
import type { Shell } from '../shell.ts';
import { keepArtifact } from './release-artifacts.ts';
import { type AwsOtaFlags, readAwsOta } from './release-aws-ota.ts';
import { keepChunkIndex } from './release-chunks.ts';
import { readListed } from './release-read.ts';
import { keepRecord, type RecordFlags } from './release-record.ts';

interface AddFlags extends RecordFlags, AwsOtaFlags {
  readonly component: ReleaseComponent;
  readonly product: string;
  readonly version: string;
  readonly hardware: readonly string[];
  readonly securityVersion: number;
  readonly path?: string;
  readonly expires: string;
  readonly replace?: boolean;
}

/** `fleetward release add`: one more artifact for the next list of releases. */
export function addReleaseAdd(noun: Command, shell: Shell): void {
  const { terminal, output } = shell;
  addVerb(noun, 'add <folder> <file>', {
    summary: 'add an artifact to the next list of releases',
    description:
      'Copies an artifact into the folder and adds it to the next list of releases, unsigned until `release sign`. A device installs only what is ' +
      'for its product and hardware, and never goes below the highest security version it confirmed. A path that the list has with other bytes, and a version that devices could not tell from another one for the same hardware, are refused. With `--component agent` it replaces the update agent. ' +
      'An SBOM and an attestation are checked now and when they are published, and signed for with the release; they become artifacts beside it. So does an index of its chunks from 1 MiB on: devices fetch only what they lack.',
    examples: [
      'fleetward release add releases lamp-1.4.2.img --product lamp --version 1.4.2 --hardware lamp-rev-b --security-version 3',
      'fleetward release add releases lamp-1.5.0.img --product lamp --version 1.5.0 --hardware lamp-rev-b --changelog CHANGES.md --sbom lamp.cdx.json --support-until 2031-12-31',
    ],
  })
    .addOption(
      new Option('--component <name>', 'what it replaces on the device')
        .choices(['firmware', 'agent'] satisfies ReleaseComponent[])
        .default('firmware'),
    )
    .requiredOption('--product <name>', 'the product it is for')
    .requiredOption('--version <version>', 'its version')
    .addOption(repeatable('--hardware <name>', 'hardware it runs on').makeOptionMandatory())
    .addOption(
      whole('--security-version <number>', {
        description: 'raise it when a release closes a hole: no way back below it',
        min: 0,
        max: Number.MAX_SAFE_INTEGER,
      }).default(0),
    )
    .option('--path <path>', 'the name devices ask for; PRODUCT/VERSION/FILE if not given')
    .option('--changelog <file-or-text>', 'what changed: the text, or a file with it; up to 4,096 characters')
    .option('--support-until <day>', 'the last day of its support, such as 2031-12-31')
    .option('--sbom <file>', 'its bill of materials: CycloneDX in JSON, up to 16 MiB')
    .option(
      '--provenance <file>',
      'how it was built: an in-toto statement in a DSSE envelope, about this file',
    )
    .option('--provenance-key <file>', 'with `--provenance`: the public key that made it, PEM')
    .option(
      '--aws-ota-signature <file>',
      "for AWS IoT's OTA libraries: ECDSA P-256 over the SHA-256 of the file, DER or base64 of it",
    )
    .option('--aws-ota-key <file>', 'the public key or certificate that the signature is checked with, PEM')
    .option('--aws-ota-certfile <name>', 'under which name the device has that certificate')
    .option('--replace', 'take the place of other bytes that the list has at the same path')
    .option('--expires <duration>', 'when the list of releases must be signed anew', '90d')
    .action(async (folder: string, file: string, flags: AddFlags) => {
      const { component, product, version, hardware, securityVersion } = flags;
      const custom = customOfRelease({
        ...(component === 'agent' && { component }),
        product,
        version,
        hardware,
        securityVersion,
      });
      const expiresMs = terminal.clock.now() + parseDurationMs(flags.expires, '--expires');
      const path = flags.path ?? `${product}/${version}/${basename(file)}`;
      const releases = await openReleaseFolder(folder);
      const kept = await keepArtifact(file, { folder, path, custom, terminal });
      const { record: told, documents } = await keepRecord(flags, { release: kept, folder, terminal });
      const awsOta = await readAwsOta(flags, { release: kept, folder, terminal });
      const record = { ...told, ...(awsOta && { awsOta }) };
      const index = await keepChunkIndex(kept, { folder, terminal });
      const chunks = index === undefined ? {} : customOfChunks(index);
      const target = { ...kept, custom: { ...custom, ...customOfRecord(record), ...chunks } };
      const dropped = droppedOf(await listedRecord(path, { folder, shell }), record);
      const beside = [...documents, ...(index === undefined ? [] : [index])];
      await addToRelease(releases, {
        target,
        documents: beside,
        expiresMs,
        isReplaced: flags.replace === true,
      });
      for (const what of dropped)
        output.note(`warning: \`${path}\` had a ${what} before, and has none now: give it again to keep it`);
      output.record(dropped.length === 0 ? target : { ...target, dropped }, {
        path: target.path,
        bytes: target.length,
        'SHA-256': target.sha256,
        ...(documents.length > 0 && { documents: documents.map((document) => document.path).join(' ') }),
        next: `fleetward release sign ${folder} --key FILE`,
      });
    });
}

async function listedRecord(
  path: string,
  { folder, shell }: { readonly folder: string; readonly shell: Shell },
): Promise<ReleaseRecord> {
  const { targets } = await readListed(folder, shell);
  return targets.find((target) => target.path === path)?.record ?? {};
}

const recordNames = {
  changelog: 'changelog',
  supportUntil: 'last day of its support',
  sbom: 'bill of materials',
  provenance: 'attestation',
  awsOta: 'signature for AWS OTA',
} as const satisfies Readonly<Record<keyof ReleaseRecord, string>>;

/** What the list told of an earlier release of the path, and does not of this one. */
function droppedOf(before: ReleaseRecord, after: ReleaseRecord): readonly string[] {
  return (Object.keys(recordNames) as (keyof ReleaseRecord)[])
    .filter((name) => before[name] !== undefined && after[name] === undefined)
    .map((name) => recordNames[name]);
}
