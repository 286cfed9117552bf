import { type TSchema, Type } from 'typebox';

/** 1–128 of `a-z A-Z 0-9 : _ -`. */
export const thingNameSchema = Type.String({ pattern: '^[a-zA-Z0-9:_-]{1,128}$' });
/** 1–128 of `a-z A-Z 0-9 : _ -`. */
export const groupNameSchema = Type.String({ pattern: '^[a-zA-Z0-9:_-]{1,128}$' });
export const typeNameSchema = Type.String({ pattern: '^[a-zA-Z0-9:_-]{1,128}$' });
export const attributeNameSchema = Type.String({ pattern: '^[a-zA-Z0-9_.,@/:#=\\[\\]-]{1,128}$' });
/** Lower-case hex SHA-256 of the certificate's DER. */
export const certificateIdSchema = Type.String({ pattern: '^[0-9a-f]{64}$' });
/** 1–128 of `a-z A-Z 0-9 + = , . @ _ -`. */
export const policyNameSchema = Type.String({ pattern: '^[a-zA-Z0-9+=,.@_-]{1,128}$' });
/** Entries of one answer. */
export const pageLimit = Type.Integer({ minimum: 1, maximum: 1000, default: 100 });

/** Query of a list that is read in pages: `after` is the last key of the page before. */
export function pageQuery<Key extends TSchema>(key: Key) {
  return Type.Object(
    { after: Type.Optional(key), limit: Type.Optional(pageLimit) },
    { additionalProperties: false },
  );
}
