import { csvFields } from '../src/csv.ts';

export const seeds: readonly Uint8Array[] = [
  'name,csr,profile,policies,days\r',
  'pump-17,csr/pump-17.pem,device,"telemetry commands",365',
  '"a, ""quoted"" name",,,',
].map((line) => Buffer.from(line));

/** Whatever the line, it has fields or none; what has them says the same when it is written with every field quoted. */
export function fuzz(input: Uint8Array): void {
  const fields = csvFields(Buffer.from(input).toString('utf8'));
  if (fields === undefined) return;
  const quoted = fields.map((field) => `"${field.replaceAll('"', '""')}"`).join(',');
  const again = csvFields(quoted);
  if (JSON.stringify(again) !== JSON.stringify(fields)) throw new Error('a line has two readings');
}
