import type { Part, testPolicy } from '@fleetward/protocol';
import type { Command } from 'commander';
import { repeatable } from '../define.ts';
import { usage } from '../errors.ts';
import { parsePair } from './pairs.ts';

type Question = Part<(typeof testPolicy)['body']>;

export interface HypothesisFlags {
  readonly hypotheticalThing?: string;
  readonly type?: string;
  readonly attribute?: readonly string[];
  readonly group?: readonly string[];
  readonly certificateField?: readonly string[];
  readonly persistent?: boolean;
  readonly willTopic?: string;
}

/** What a device would be like: everything that variables of a policy can be about. */
export function addHypothesisOptions(verb: Command): Command {
  const ofThing = 'with `--hypothetical-thing`:';
  return verb
    .option('--hypothetical-thing <name>', 'decide as if it were this thing, though there may be none')
    .option('--type <name>', `${ofThing} its type`)
    .addOption(repeatable('--attribute <name=value>', `${ofThing} a fact about it`))
    .addOption(repeatable('--group <name>', `${ofThing} a group it would be in, instead of those it is in`))
    .addOption(
      repeatable(
        '--certificate-field <field=value>',
        'what a variable `iot:Certificate.FIELD` would be: `SerialNumber=0a`, `Subject.CommonName=lamp-7`, ' +
          '`Issuer.AlternativeName.DNSName=…`; a field given twice has two values',
      ),
    )
    .option('--persistent', 'as of a connection that asks for a persistent session')
    .option('--will-topic <topic>', 'as of a connection with a last will to this topic');
}

/** The parts of the question that the options give. */
export function hypothesisOf(flags: HypothesisFlags): Pick<Question, 'thing' | 'certificate' | 'connect'> {
  const { certificateField, persistent, willTopic } = flags;
  const thing = thingOf(flags);
  return {
    ...(thing === undefined ? {} : { thing }),
    ...(certificateField === undefined ? {} : { certificate: certificateOf(certificateField) }),
    ...(persistent === undefined && willTopic === undefined
      ? {}
      : { connect: { persistent: persistent === true, ...(willTopic === undefined ? {} : { willTopic }) } }),
  };
}

function thingOf({ hypotheticalThing, type, attribute, group }: HypothesisFlags): Question['thing'] {
  if (hypotheticalThing === undefined) {
    if (type === undefined && attribute === undefined && group === undefined) return undefined;
    throw usage('`--type`, `--attribute` and `--group` go with `--hypothetical-thing`');
  }
  return {
    thingName: hypotheticalThing,
    ...(type === undefined ? {} : { typeName: type }),
    ...(attribute === undefined
      ? {}
      : { attributes: Object.fromEntries(attribute.map(parsePair('--attribute'))) }),
    ...(group === undefined ? {} : { groupNames: [...group] }),
  };
}

/** `Subject.CommonName=a` as `{"subject":{"CommonName":["a"]}}`; the platform says which fields there are. */
function certificateOf(fields: readonly string[]): NonNullable<Question['certificate']> {
  const read = fields.map(parseField);
  const serialNumber = read.findLast(({ path }) => path[0] === 'SerialNumber')?.value;
  const named = (party: string) => read.filter(({ path }) => path[0] === party);
  return {
    ...(serialNumber === undefined ? {} : { serialNumber }),
    subject: nameOf(named('Subject')),
    issuer: nameOf(named('Issuer')),
  };
}

interface Field {
  readonly path: readonly string[];
  readonly value: string;
}

function parseField(written: string): Field {
  const { 1: value } = /^[A-Za-z.]+=(.*)$/s.exec(written) ?? [];
  const path = written.split('=', 1)[0]!.split('.');
  const isSerial = path[0] === 'SerialNumber' && path.length === 1;
  const isName = /^(Subject|Issuer)$/.test(path[0]!) && (path.length === 2 || path[1] === 'AlternativeName');
  if (value !== undefined && (isSerial || (isName && path.length <= 3))) return { path, value };
  throw usage(
    `\`${written}\` is no certificate field: expected such as \`Subject.CommonName=lamp-7\` or \`SerialNumber=0a\``,
  );
}

function nameOf(fields: readonly Field[]): Record<string, unknown> {
  const plain = fields.filter(({ path }) => path.length === 2);
  const alternative = fields.filter(({ path }) => path.length === 3);
  return {
    ...listsOf(plain),
    ...(alternative.length === 0 ? {} : { AlternativeName: listsOf(alternative) }),
  };
}

/** The values of each attribute, which stands last in its path. */
function listsOf(fields: readonly Field[]): Record<string, readonly string[]> {
  const groups = Map.groupBy(fields, ({ path }) => path.at(-1)!);
  return Object.fromEntries([...groups].map(([name, alike]) => [name, alike.map(({ value }) => value)]));
}
