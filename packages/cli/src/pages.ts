interface Page<Item> {
  readonly items: readonly Item[];
  readonly next?: string | undefined;
}

/** Reads a paged list from its start, up to `limit` items. */
export async function readPages<Item>(
  limit: number,
  read: (page: { readonly after?: string; readonly limit: number }) => Promise<Page<Item>>,
): Promise<{ readonly items: readonly Item[]; readonly more: boolean }> {
  const items: Item[] = [];
  let after: string | undefined;
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
