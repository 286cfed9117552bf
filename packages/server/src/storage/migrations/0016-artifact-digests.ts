import type { SchemaModule } from 'kysely';
import type { ColumnTypes } from '../column-types.ts';

/** SHA-1 and MD5 of artifacts, which some clients ask for. Those stored before have none. */
export const artifactDigests = { name: '0016-artifact-digests', up };

async function up(schema: SchemaModule, types: ColumnTypes): Promise<void> {
  for (const name of ['sha1', 'md5'])
    await schema.alterTable('artifacts').addColumn(name, types.text).execute();
}
