import { openStorage } from '../../src/storage/index.ts';
import { openFleet } from './fleet.ts';

/** Twenty things over records in `folder`, as whoever opens them next finds them. */
export async function openKeptFleet(folder: string) {
  const storage = await openStorage({ kind: 'sqlite', folder });
  const { stores, transactor, close } = storage;
  const fleet = await openFleet({ things: 20, kept: { store: stores.campaigns, transactor } });
  return { fleet, close };
}
