import type { SchemaModule } from 'kysely';
import type { ColumnTypes } from '../column-types.ts';

/** How many certificates a claim may ask for in its life, and the one thing that it may provision. */
export const claimBounds = { name: '0015-claim-bounds', up };

async function up(schema: SchemaModule, types: ColumnTypes): Promise<void> {
  for (const column of ['uses_max', 'uses_left'])
    await schema.alterTable('provisioning_claims').addColumn(column, types.integer).execute();
  await schema.alterTable('provisioning_claims').addColumn('thing_name', types.text).execute();
}
