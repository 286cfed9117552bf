import { type JsonObject, toBase64 } from '@fleetward/core';
import { parseReleaseRecord } from '@fleetward/updates';
import type { PublishedRelease } from '../releases/index.ts';
import { streamFileId, streamIdOf } from '../streams/index.ts';

/** The document of the job, or why the release can be none for such a device: a short name, and words that say what to do. */
export type OtaDocument =
  | { readonly kind: 'document'; readonly document: JsonObject }
  | { readonly kind: 'unfit'; readonly cause: string; readonly explanation: string };

/** AWS's parser for embedded C reads sizes of 32 bits. */
const fileBytesMax = 0xffff_ffff;

/** As AWS IoT writes it for MQTT: all that its parser asks for, each text as it stands between its quotes. */
export function otaDocument({
  path,
  sha256,
  lengthBytes,
  release,
  custom = {},
}: PublishedRelease): OtaDocument {
  const { awsOta } = parseReleaseRecord(custom);
  const filepath = path.slice(path.lastIndexOf('/') + 1);
  if ((release.component ?? 'firmware') !== 'firmware')
    return unfit('not-firmware', `\`${path}\` is not firmware`);
  if (awsOta === undefined)
    return unfit(
      'not-signed',
      `\`${path}\` has no signature for AWS OTA: \`release add --aws-ota-signature\``,
    );
  if (lengthBytes > fileBytesMax)
    return unfit('too-large', `\`${path}\` has more than ${fileBytesMax} bytes`);
  if (!/^[ !#-[\]-~]+$/.test(filepath))
    return unfit('odd-name', `\`${path}\` ends with a name that is not plain ASCII: \`release add --path\``);
  const file = {
    filepath,
    filesize: lengthBytes,
    fileid: streamFileId,
    certfile: awsOta.certFile,
    'sig-sha256-ecdsa': toBase64(awsOta.signature),
  };
  const document = { afr_ota: { protocols: ['MQTT'], streamname: streamIdOf(sha256), files: [file] } };
  return { kind: 'document', document };
}

function unfit(cause: string, explanation: string): OtaDocument {
  return { kind: 'unfit', cause, explanation };
}
