import { basename } from 'node:path';
import { addToRelease, customOfRelease, openReleaseFolder, type ReleaseComponent } from '@fleetward/updates';
import { type Command, Option } from 'commander';
import { addVerb, repeatable, whole } from '../define.ts';
import { parseDurationMs } from '../moment.ts';
import type { Shell } from '../shell.ts';
import { keepArtifact } from './release-artifacts.ts';

interface AddFlags {
  readonly component: ReleaseComponent;
  readonly product: string;
  readonly version: string;
  readonly hardware: readonly string[];
  readonly securityVersion: number;
  readonly path?: string;
  readonly expires: string;
}

/** `fleetward release add`: one more artifact for the next list of releases. */
export function addReleaseAdd(noun: Command, { terminal, output }: Shell): void {
  addVerb(noun, 'add <folder> <file>', {
    summary: 'add an artifact to the next list of releases',
    description:
      'Copies an artifact into the folder and adds it to the next list of releases, unsigned until `release sign`. A device installs only what is ' +
      'for its product and hardware, and never goes below the highest security version it confirmed. With `--component agent` it replaces the update agent.',
    examples: [
      'fleetward release add releases lamp-1.4.2.img --product lamp --version 1.4.2 --hardware lamp-rev-b --security-version 3',
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
      const target = await keepArtifact(file, { folder, path, custom, terminal });
      await addToRelease(releases, { target, expiresMs });
      output.record(target, {
        path: target.path,
        bytes: target.length,
        'SHA-256': target.sha256,
        next: `fleetward release sign ${folder}`,
      });
    });
}
