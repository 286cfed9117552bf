/** How a condition's values are read and compared. */
export type Comparison =
  | 'equals'
  | 'equalsIgnoreCase'
  | 'like'
  | 'arn'
  | 'boolean'
  | 'address'
  | 'numberEquals'
  | 'numberLess'
  | 'numberLessOrEqual'
  | 'numberGreater'
  | 'numberGreaterOrEqual'
  | 'dateEquals'
  | 'dateLess'
  | 'dateLessOrEqual'
  | 'dateGreater'
  | 'dateGreaterOrEqual'
  | 'null';

export interface Operator {
  /** As written in the document. */
  readonly name: string;
  readonly comparison: Comparison;
  readonly negated: boolean;
  readonly qualifier: 'none' | 'forAll' | 'forAny';
  readonly ifExists: boolean;
}

type Base = readonly [comparison: Comparison, negated: boolean];

const BASES: Readonly<Record<string, Base>> = {
  StringEquals: ['equals', false],
  StringNotEquals: ['equals', true],
  StringEqualsIgnoreCase: ['equalsIgnoreCase', false],
  StringNotEqualsIgnoreCase: ['equalsIgnoreCase', true],
  StringLike: ['like', false],
  StringNotLike: ['like', true],
  // Both Arn forms take wildcards, component by component (IAM, ARN condition operators).
  ArnEquals: ['arn', false],
  ArnLike: ['arn', false],
  ArnNotEquals: ['arn', true],
  ArnNotLike: ['arn', true],
  Bool: ['boolean', false],
  IpAddress: ['address', false],
  NotIpAddress: ['address', true],
  NumericEquals: ['numberEquals', false],
  NumericNotEquals: ['numberEquals', true],
  NumericLessThan: ['numberLess', false],
  NumericLessThanEquals: ['numberLessOrEqual', false],
  NumericGreaterThan: ['numberGreater', false],
  NumericGreaterThanEquals: ['numberGreaterOrEqual', false],
  DateEquals: ['dateEquals', false],
  DateNotEquals: ['dateEquals', true],
  DateLessThan: ['dateLess', false],
  DateLessThanEquals: ['dateLessOrEqual', false],
  DateGreaterThan: ['dateGreater', false],
  DateGreaterThanEquals: ['dateGreaterOrEqual', false],
  Null: ['null', false],
};

const QUALIFIERS = { ForAllValues: 'forAll', ForAnyValue: 'forAny' } as const;

/** Reads `[ForAllValues:|ForAnyValue:]Name[IfExists]`; nothing for an operator we do not have. */
export function parseOperator(name: string): Operator | undefined {
  const [, prefix, rest = ''] = /^(?:(ForAllValues|ForAnyValue):)?(\w+)$/.exec(name) ?? [];
  const ifExists = rest.endsWith('IfExists');
  const baseName = ifExists ? rest.slice(0, -'IfExists'.length) : rest;
  const base = Object.hasOwn(BASES, baseName) ? BASES[baseName] : undefined;
  if (base === undefined) return undefined;
  // `Null` is itself the question whether the key exists, for the key as a whole.
  if (base[0] === 'null' && (ifExists || prefix !== undefined)) return undefined;
  const qualifier = prefix === undefined ? 'none' : QUALIFIERS[prefix as keyof typeof QUALIFIERS];
  return { name, comparison: base[0], negated: base[1], qualifier, ifExists };
}

/** The operator that differs from `name` in case only. */
export function similarOperator(name: string): string | undefined {
  return Object.keys(BASES).find((base) => base.toLowerCase() === name.toLowerCase());
}
