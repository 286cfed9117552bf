import { type Static, Type } from 'typebox';

const fieldError = Type.Object({
  path: Type.String({ description: 'JSON pointer into the body, or `query.NAME`, `params.NAME`.' }),
  message: Type.String(),
  expected: Type.String({ description: 'What would have been accepted.' }),
});

/** The body of every refused request, `application/problem+json` (RFC 9457). */
export const problem = Type.Object({
  type: Type.String({ description: '`about:blank`: `code` tells problems apart.' }),
  title: Type.String({ description: 'The phrase of the HTTP status.' }),
  status: Type.Integer({ minimum: 400, maximum: 599 }),
  detail: Type.String(),
  code: Type.String({ description: 'Stable and machine-readable, such as `policy.invalid`.' }),
  instance: Type.Optional(
    Type.String({ description: 'Names this one occurrence; quote it when asking for help.' }),
  ),
  errors: Type.Optional(Type.Array(fieldError, { maxItems: 100 })),
});

export type Problem = Static<typeof problem>;
export type FieldError = Static<typeof fieldError>;

/** Media type of `Problem`. */
export const problemMediaType = 'application/problem+json';
