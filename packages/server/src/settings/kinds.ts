// The kinds of settings: each gives its standard value and its description, from which docs/reference/settings.md is made.
import { type TSchema, Type } from 'typebox';

export function section<Properties extends Record<string, TSchema>>(
  properties: Properties,
  description: string,
) {
  return Type.Object(properties, { additionalProperties: false, default: {}, description });
}

export function count(
  standard: number,
  description: string,
  bounds: { minimum?: number; maximum?: number } = {},
) {
  return Type.Integer({ default: standard, minimum: 1, ...bounds, description });
}

export function flag(standard: boolean, description: string) {
  return Type.Boolean({ default: standard, description });
}

export function text(standard: string, description: string) {
  return Type.String({ default: standard, minLength: 1, description });
}
