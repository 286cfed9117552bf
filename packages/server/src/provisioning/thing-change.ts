import type { GroupName, ThingName } from '@fleetward/core';
import { type Refusal, refuse } from '../enrollment/index.ts';
import type { Things } from '../things/index.ts';
import type { Filled } from './template/fill-template.ts';
import type { Template } from './template/template.ts';

type Thing = ReturnType<Things['get']>;

/** What the override settings make of a thing that is there. */
export function changeOf(
  present: Thing,
  wanted: {
    readonly filled: Filled;
    readonly overrides: Template['thing']['overrides'];
    readonly groupNames: readonly GroupName[];
  },
): { readonly kind: 'unchanged' } | { readonly kind: 'changed'; readonly thing: Thing } | Refusal {
  const { filled, overrides } = wanted;
  const attributesDiffer = Object.entries(filled.attributes).some(
    ([key, value]) => present.attributes[key] !== value,
  );
  const typeDiffers = filled.typeName !== undefined && filled.typeName !== present.typeName;
  const groupsDiffer = filled.groupNames.some((name) => !wanted.groupNames.includes(name));
  if (overrides.attributes === 'FAIL' && attributesDiffer) return differs(present.name, 'AttributePayload');
  if (overrides.typeName === 'FAIL' && typeDiffers) return differs(present.name, 'ThingTypeName');
  if (overrides.groups === 'FAIL' && groupsDiffer) return differs(present.name, 'ThingGroups');
  const attributes = attributesAfter(present, filled, overrides.attributes);
  const isRetyped = overrides.typeName === 'REPLACE' && typeDiffers;
  if (attributes === present.attributes && !isRetyped) return { kind: 'unchanged' };
  const { typeName: oldType, ...rest } = present;
  const typeName = isRetyped ? filled.typeName : oldType;
  return { kind: 'changed', thing: { ...rest, attributes, ...(typeName === undefined ? {} : { typeName }) } };
}

function attributesAfter(
  { attributes: present }: Thing,
  { attributes: wanted }: Filled,
  override: Template['thing']['overrides']['attributes'],
): Thing['attributes'] {
  if (override === 'REPLACE') return wanted;
  return override === 'MERGE' ? { ...present, ...wanted } : present;
}

function differs(thingName: ThingName, part: string): Refusal {
  return refuse(
    'thing_differs',
    `the thing \`${thingName}\` is there with other \`${part}\` than the template gives`,
    {
      thingName,
    },
  );
}
