import { StoreError } from '../store-error.ts';

/** The most rows one statement returns, whatever `limit` was asked for. */
export const pageRowsMax = 1000;

/** `limit` between 1 and `pageRowsMax`. */
export function pageLimit(limit: number): number {
  if (!Number.isSafeInteger(limit) || limit < 1) {
    throw new RangeError(`a page's limit is an integer above 0, not \`${limit}\``);
  }
  return Math.min(limit, pageRowsMax);
}

/** Every row of a list without a limit, fetched in bounded pages; `page` continues after the row it is given. */
export async function allRows<Row>(
  page: (after: Row | undefined) => Promise<readonly Row[]>,
): Promise<Row[]> {
  const rows: Row[] = [];
  for (let full = true; full; ) {
    const next = await page(rows.at(-1));
    rows.push(...next);
    full = next.length === pageRowsMax;
  }
  return rows;
}

/** JSON text that this platform wrote; anything else means the database was damaged. */
export function storedJson<Value>(text: string, isValue: (value: unknown) => value is Value): Value {
  const value = parse(text);
  if (isValue(value)) return value;
  throw new StoreError('store.corrupt', 'a JSON column does not hold what it must');
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new StoreError('store.corrupt', 'a JSON column does not hold JSON', { cause });
  }
}

/** Text by text, as attributes and tags are kept. */
export function isTexts(value: unknown): value is Readonly<Record<string, string>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  return Object.values(value).every((member) => typeof member === 'string');
}
