import { equalBytes } from '@fleetward/core';
import type { ArtifactRecord, MetadataFile, ReleaseStore } from '../releases/store.ts';
import { StoreError } from '../store-error.ts';
import { type Database, readsOf } from './database.ts';
import { queriesOf } from './open-transaction.ts';
import { allRows, pageRowsMax } from './paging.ts';
import type { Schema } from './schema.ts';

const fileColumns = ['name', 'version', 'bytes', 'stored_at_ms'] as const;
const artifactColumns = ['sha256', 'length_bytes', 'stored_at_ms', 'sha1', 'md5'] as const;
type ArtifactRow = Schema['artifacts'];

/** TUF metadata and the list of complete artifacts in the records. */
export function createReleaseStore(database: Database): ReleaseStore {
  const { reads } = database;
  return {
    addMetadata: async (tx, file) => {
      const queries = queriesOf(tx);
      const { numInsertedOrUpdatedRows } = await queries
        .insertInto('metadata_files')
        .values({
          name: file.name,
          version: file.version,
          bytes: file.bytes,
          stored_at_ms: file.storedAtMs,
        })
        .onConflict((conflict) => conflict.columns(['name', 'version']).doNothing())
        .executeTakeFirst();
      if (numInsertedOrUpdatedRows === 1n) return;
      const stored = await queries
        .selectFrom('metadata_files')
        .select('bytes')
        .where('name', '=', file.name)
        .where('version', '=', file.version)
        .executeTakeFirstOrThrow();
      if (equalBytes(stored.bytes, file.bytes)) return;
      throw new StoreError(
        'store.conflict',
        `version \`${file.version}\` of \`${file.name}\` exists with other bytes`,
      );
    },
    latestMetadata: async (name, tx) => {
      const row = await readsOf(database, tx)
        .selectFrom('metadata_files')
        .select(fileColumns)
        .where('name', '=', name)
        .orderBy('version', 'desc')
        .limit(1)
        .executeTakeFirst();
      return row && toFile(row);
    },
    findMetadata: async ({ name, version }) => {
      const row = await reads
        .selectFrom('metadata_files')
        .select(fileColumns)
        .where('name', '=', name)
        .where('version', '=', version)
        .executeTakeFirst();
      return row && toFile(row);
    },
    latestVersions: async (tx) =>
      readsOf(database, tx)
        .selectFrom('metadata_files')
        .select((eb) => ['name', eb.fn.max('version').as('version')])
        .groupBy('name')
        .orderBy('name')
        .limit(pageRowsMax)
        .execute(),
    addArtifact: async (tx, artifact) => {
      await queriesOf(tx)
        .insertInto('artifacts')
        .values({
          sha256: artifact.sha256,
          length_bytes: artifact.lengthBytes,
          stored_at_ms: artifact.storedAtMs,
          ...digestsOf(artifact),
        })
        .onConflict((conflict) => conflict.column('sha256').doNothing())
        .execute();
      await queriesOf(tx)
        .updateTable('artifacts')
        .set(digestsOf(artifact))
        .where('sha256', '=', artifact.sha256)
        .where('sha1', 'is', null)
        .execute();
    },
    removeArtifact: async (tx, sha256) => {
      await queriesOf(tx).deleteFrom('artifacts').where('sha256', '=', sha256).execute();
    },
    findArtifact: async (sha256) => {
      const row = await reads
        .selectFrom('artifacts')
        .select(artifactColumns)
        .where('sha256', '=', sha256)
        .executeTakeFirst();
      return row && toArtifact(row);
    },
    listArtifacts: async () => {
      const rows = await allRows((after: ArtifactRow | undefined) => {
        const page = reads
          .selectFrom('artifacts')
          .select(artifactColumns)
          .orderBy('sha256')
          .limit(pageRowsMax);
        return (after === undefined ? page : page.where('sha256', '>', after.sha256)).execute();
      });
      return rows.map(toArtifact);
    },
  };
}

function toFile(row: Schema['metadata_files']): MetadataFile {
  return { name: row.name, version: row.version, bytes: row.bytes, storedAtMs: row.stored_at_ms };
}

function digestsOf({ sha1, md5 }: ArtifactRecord) {
  return { sha1: sha1 ?? null, md5: md5 ?? null };
}

function toArtifact({ sha256, sha1, md5, ...row }: ArtifactRow): ArtifactRecord {
  const digests = sha1 === null || md5 === null ? {} : { sha1, md5 };
  return { sha256, ...digests, lengthBytes: row.length_bytes, storedAtMs: row.stored_at_ms };
}
