import { counted } from '@fleetward/core';
import { type PolicyAction, resourceTypeOf } from '../actions.ts';
import { POLICY_BYTES_MAX } from '../limits.ts';
import { type Chosen, chooseTemplates, type ObservedThing } from './choose.ts';
import { generalise } from './generalise.ts';
import { namePatterns, variableNames } from './templates.ts';
import { putTogether, valuesOfOneThing, variations, withoutCovered, withWildcards } from './wildcards.ts';

/** A resource of the policy, and what was seen that needs it. */
export interface ResourceEvidence {
  /** `topic/telemetry/${iot:Connection.Thing.ThingName}` */
  readonly resource: string;
  readonly things: number;
  readonly requests: number;
  readonly firstSeenMs: number;
  readonly lastSeenMs: number;
}

export interface StatementEvidence {
  readonly sid: string;
  readonly action: PolicyAction;
  readonly resources: readonly ResourceEvidence[];
}

export interface SynthesisWarning {
  readonly kind: 'wildcard' | 'unexplained-level' | 'sampled' | 'too-large';
  readonly message: string;
}

export interface SynthesisedPolicy {
  /** JSON text with the placeholders REGION and ACCOUNT_ID, which are bound when it is saved. */
  readonly document: string;
  readonly statements: readonly StatementEvidence[];
  readonly warnings: readonly SynthesisWarning[];
}

export interface SynthesisOptions {
  /** A level becomes `*` when one thing used at least so many values of it. */
  readonly wildcardValuesMin: number;
}

const warningsMax = 50;

/**
 * The least policy that allows everything the things were allowed so far: names, types and attributes in place of what differs between
 * them, `*` only where one thing varies by itself. `undefined` when nothing was seen.
 */
export function synthesisePolicy(
  observed: readonly ObservedThing[],
  { wildcardValuesMin }: SynthesisOptions,
): SynthesisedPolicy | undefined {
  const allowed = observed.map((one) => ({
    ...one,
    entries: one.entries.filter(({ outcome }) => outcome === 'allowed'),
  }));
  const chosen = withoutCovered(chooseTemplates(allowed));
  if (chosen.length === 0) return undefined;
  const narrow = withoutCovered(withWildcards(chosen, wildcardValuesMin));
  const fitting = fitToSize(narrow);
  const statements = statementsOf(fitting);
  const warnings = [
    ...unexplainedLevels(narrow),
    ...wildcards(statements),
    ...sampled(allowed),
    ...tooLarge(narrow, fitting),
  ];
  return { document: documentText(statements), statements, warnings: warnings.slice(0, warningsMax) };
}

/** A document above the limit of its size could not be saved: the resources most alike are put together until it fits. */
function fitToSize(chosen: readonly Chosen[]): readonly Chosen[] {
  let fitting = chosen;
  while (sizeOf(fitting) > POLICY_BYTES_MAX && fitting.length > 1) {
    const room = Math.floor((fitting.length * 3) / 4);
    const patterns = generalise(
      fitting.map(({ template }) => template),
      room,
    );
    if (patterns.length === fitting.length) break;
    fitting = patterns.reduce(putTogether, fitting);
  }
  return fitting;
}

function sizeOf(chosen: readonly Chosen[]): number {
  return Buffer.byteLength(documentText(statementsOf(chosen)));
}

/** A statement for each action and set of variables: one variable without a value makes a whole Allow not match. */
function statementsOf(chosen: readonly Chosen[]): readonly StatementEvidence[] {
  const groups = Map.groupBy(chosen, ({ template }) =>
    [template.action, ...variableNames(template)].join(' '),
  );
  const statements = [...groups.entries()].toSorted(([one], [other]) => compare(one, other));
  return statements.map(([, members], index) => {
    const { action } = (members[0] as Chosen).template;
    const resources = members.flatMap(resourcesOf).toSorted((a, b) => compare(a.resource, b.resource));
    return { sid: `${action.replace('iot:', '')}${index + 1}`, action, resources };
  });
}

function resourcesOf({ template, things }: Chosen): readonly ResourceEvidence[] {
  const { count: requests, firstSeenMs, lastSeenMs } = template;
  const type = resourceTypeOf(template.action);
  const evidence = { things: things.size, requests, firstSeenMs, lastSeenMs };
  return namePatterns(template).map((name) => ({
    resource: type === 'none' ? '*' : `${type}/${name}`,
    ...evidence,
  }));
}

function documentText(statements: readonly StatementEvidence[]): string {
  const Statement = statements.map(({ sid, action, resources }) => ({
    Sid: sid,
    Effect: 'Allow',
    Action: action,
    Resource: resources.map(({ resource }) => arnOf(resource)),
  }));
  return JSON.stringify({ Version: '2012-10-17', Statement }, undefined, 2);
}

function arnOf(resource: string): string {
  return resource === '*' ? '*' : `arn:aws:iot:REGION:ACCOUNT_ID:${resource}`;
}

/** Where each thing has a value of its own that none of its facts explains: as it stands, one may do what another does. */
function unexplainedLevels(chosen: readonly Chosen[]): readonly SynthesisWarning[] {
  return variations(chosen).flatMap((variation): readonly SynthesisWarning[] => {
    const { pattern, members } = variation;
    if (valuesOfOneThing(variation) > 1 || members.some(({ things }) => things.size > 1)) return [];
    const [name = ''] = namePatterns(pattern);
    const message = `${pattern.action} on \`${resourceTypeOf(pattern.action)}/${name}\`: each of ${members.length} things has a value of its own at \`*\`, and may use those of the others. It is neither name, type nor attribute of the thing: record it as an attribute and synthesise again`;
    return [{ kind: 'unexplained-level', message }];
  });
}

function wildcards(statements: readonly StatementEvidence[]): readonly SynthesisWarning[] {
  return statements.flatMap(({ action, resources }) =>
    resources
      .filter(({ resource }) => resource.replaceAll('${*}', '').includes('*'))
      .map(({ resource }): SynthesisWarning => {
        const message = `${action} on \`${resource}\`: \`*\` stands for what one thing varied, and matches \`/\` too`;
        return { kind: 'wildcard', message };
      }),
  );
}

function sampled(observed: readonly ObservedThing[]): readonly SynthesisWarning[] {
  const names = observed.filter(({ isSampled }) => isSampled).map(({ thing }) => thing.name);
  if (names.length === 0) return [];
  const shown = names.slice(0, 5).map((name) => `\`${name}\``);
  const message = `only a sample was recorded of ${counted(names.length, 'thing')} (${shown.join(', ')}): rare requests may be missing; run a trial`;
  return [{ kind: 'sampled', message }];
}

function tooLarge(narrow: readonly Chosen[], fitting: readonly Chosen[]): readonly SynthesisWarning[] {
  if (narrow.length === fitting.length) return [];
  const message = `${narrow.length} resources do not fit into ${POLICY_BYTES_MAX} bytes and were put together to ${fitting.length}, which allows more than was seen`;
  return [{ kind: 'too-large', message }];
}

function compare(one: string, other: string): number {
  return one < other ? -1 : Number(one > other);
}
