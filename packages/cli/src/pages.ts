interface Page<Item, Key> {
  readonly items: readonly Item[];
  readonly next?: Key | undefined;
}

/** Reads a paged list from its start, up to `limit` items. */
export async function readPages<Item, Key extends string | number = string>(
  limit: number,
  read: (page: { readonly after?: Key; readonly limit: number }) => Promise<Page<Item, Key>>,
): Promise<{ readonly items: readonly Item[]; readonly more: boolean }> {
  const items: Item[] = [];
  let after: Key | undefined;
  while (items.length < limit) {
    const wanted = Math.min(limit - items.length, pageMax);
    const page = await read({ limit: wanted, ...(after === undefined ? {} : { after }) });
    items.push(...page.items);
    if (page.next === undefined || page.items.length === 0) return { items, more: false };
    after = page.next;
  }
  return { items, more: true };
}

const pageMax = 1_000;
