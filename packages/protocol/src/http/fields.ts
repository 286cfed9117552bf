import { Type } from 'typebox';

/** Milliseconds since the Unix epoch. */
export const timeMs = Type.Integer({ minimum: 0, description: 'Milliseconds since the Unix epoch.' });

/** Lower-case hex SHA-256. */
export const sha256 = Type.String({ pattern: '^[0-9a-f]{64}$', description: 'Lower-case hex SHA-256.' });

/** Standard base64 of DER or of a signed file. */
export const base64 = (bytesMax: number) =>
  Type.String({
    maxLength: 4 * Math.ceil(bytesMax / 3),
    pattern: '^[A-Za-z0-9+/]*={0,2}$',
    description: `Base64 of at most ${bytesMax} bytes.`,
  });

const tagName = Type.String({ pattern: '^[a-zA-Z0-9_.,@/:#=+[\\]-]{1,128}$' });
const tagValue = Type.String({ maxLength: 256 });
export const tags = Type.Record(tagName, tagValue, {
  maxProperties: 50,
  description: 'For operators to find and sort by; policies do not see them.',
});

/** What is named is set, `null` takes away. */
export const tagChange = Type.Record(tagName, Type.Union([tagValue, Type.Null()]), { maxProperties: 100 });
