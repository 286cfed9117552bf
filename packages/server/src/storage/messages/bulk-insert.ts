import type { Database, Statement } from 'better-sqlite3';

/** Rows a statement: at 32 a row costs half of what a statement of its own would; what is left over goes in few. */
const sizes = [32, 16, 8, 4, 2, 1] as const;
const [rowsMax] = sizes;

interface BulkInsertOptions {
  readonly table: string;
  /** Those whose values are given. */
  readonly columns: readonly string[];
  /** SQL of those that have one value in all rows: what is not bound costs nothing. */
  readonly constants?: Readonly<Record<string, string>>;
}

/** Inserts many rows with few statements. */
export class BulkInsert {
  readonly #columns: number;
  readonly #statements: readonly { readonly rows: number; readonly statement: Statement }[];
  readonly #values: unknown[] = [];

  constructor(database: Database, { table, columns, constants = {} }: BulkInsertOptions) {
    const row = `(${[...columns.map(() => '?'), ...Object.values(constants)].join(', ')})`;
    const into = `insert into ${table} (${[...columns, ...Object.keys(constants)].join(', ')}) values`;
    this.#columns = columns.length;
    this.#statements = sizes.map((rows) => ({
      rows,
      statement: database.prepare(`${into} ${Array(rows).fill(row).join(', ')}`),
    }));
  }

  /** One value a column. */
  add(...row: readonly unknown[]): void {
    this.#values.push(...row);
    if (this.#values.length === rowsMax * this.#columns) this.finish();
  }

  finish(): void {
    const values = this.#values;
    let at = 0;
    for (const { rows, statement } of this.#statements) {
      const length = rows * this.#columns;
      if (values.length - at < length) continue;
      statement.run(values.length === length ? values : values.slice(at, at + length));
      at += length;
    }
    values.length = 0;
  }

  /** Forgets the rows that wait. */
  clear(): void {
    this.#values.length = 0;
  }
}
