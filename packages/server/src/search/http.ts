import { countThings } from '@fleetward/protocol';
import { handle, type RouteHandler } from '../route-handler.ts';
import type { Search } from './service.ts';

/** Counts of things; pages of them are answered by the things themselves. */
export function searchHandlers(search: Pick<Search, 'count'>): readonly RouteHandler[] {
  return [
    handle(countThings, async ({ query: { by, query, limit = 100 } }) => {
      const { values, ...sums } = await search.count({
        by,
        limit,
        ...(query === undefined ? {} : { query }),
      });
      return { by, ...sums, values: [...values] };
    }),
  ];
}
