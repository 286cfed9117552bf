import { isIP } from 'node:net';
import type { Json, JsonObject } from '@fleetward/core';
import { listOf, numberOf, objectOf, textOf } from './read-values.ts';
import { ReportRefusal } from './refusal.ts';
import type { CustomMetrics, CustomValue } from './report.ts';

interface CustomLimits {
  readonly listItemsMax: number;
  readonly customMetricsMax: number;
}

/** `{"NAME":[{"number":1}]}`, and lists of numbers, texts or addresses in the place of the number. Throws `ReportRefusal`. */
export function readCustomMetrics(metrics: JsonObject, limits: CustomLimits): CustomMetrics {
  const entries = Object.entries(metrics);
  const { customMetricsMax } = limits;
  if (entries.length > customMetricsMax)
    throw new ReportRefusal(`custom_metrics has more than ${customMetricsMax} metrics`);
  return Object.fromEntries(
    entries.map(([name, value]) => [nameOf(name), [readValue(value, name, limits)] as const]),
  );
}

/** `aws:` begins the names of the metrics that are no custom ones. */
function nameOf(name: string): string {
  if (/^(?!aws:)[a-zA-Z0-9:_-]{1,128}$/.test(name)) return name;
  throw new ReportRefusal(
    'the name of a custom metric is 1 to 128 of a-z A-Z 0-9 : _ - and does not begin with aws:',
  );
}

function readValue(value: Json, name: string, { listItemsMax }: CustomLimits): CustomValue {
  const where = `custom_metrics.${name}`;
  const [item, ...others] = listOf(value, where, listItemsMax);
  if (item === undefined || others.length > 0) throw new ReportRefusal(`${where} is no list of one value`);
  const [[kind, inner] = [], ...more] = Object.entries(objectOf(item, `the value of ${where}`));
  if (kind === undefined || inner === undefined || more.length > 0)
    throw new ReportRefusal(`the value of ${where} has not one member`);
  const items = (): readonly Json[] => listOf(inner, `${where}.${kind}`, listItemsMax);
  switch (kind) {
    case 'number':
      return { number: numberOf(inner, where) };
    case 'number_list':
      return { number_list: items().map((one) => numberOf(one, `an item of ${where}`)) };
    case 'string_list':
      return { string_list: items().map((one) => textOf(one, `an item of ${where}`)) };
    case 'ip_list':
      return { ip_list: items().map((one) => addressOf(one, `an item of ${where}`)) };
    default:
      throw new ReportRefusal(`${where} is no number, number_list, string_list or ip_list`);
  }
}

function addressOf(value: Json, where: string): string {
  const text = textOf(value, where);
  if (isIP(text) === 0) throw new ReportRefusal(`${where} is no IP address`);
  return text;
}
