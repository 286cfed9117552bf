import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type Cli, openCli, repository } from './cli.ts';

interface Vector {
  readonly publicKey: string;
  readonly lines: readonly string[];
  readonly expected?: object;
}

const vectors = join(repository, 'conformance/vectors/trail');

function prepare(cli: Cli, path: string): { readonly vector: Vector; readonly args: readonly string[] } {
  const vector: Vector = JSON.parse(readFileSync(join(vectors, path), 'utf8'));
  writeFileSync(cli.home.join('trail.jsonl'), vector.lines.map((line) => `${line}\n`).join(''));
  const pem = `-----BEGIN PUBLIC KEY-----\n${vector.publicKey}\n-----END PUBLIC KEY-----\n`;
  writeFileSync(cli.home.join('key.pem'), pem);
  writeFileSync(cli.home.join('key.base64'), `${vector.publicKey}\n`);
  const expected = vector.expected === undefined ? [] : ['--expected', cli.home.join('expected.json')];
  if (vector.expected !== undefined)
    writeFileSync(cli.home.join('expected.json'), JSON.stringify(vector.expected));
  return { vector, args: ['trail', 'verify', 'trail.jsonl', '--json', ...expected] };
}

describe('trail verify', () => {
  test.for(['key.pem', 'key.base64'])('accepts a whole trail by the key in %s', async (key) => {
    using cli = openCli();
    const { args } = prepare(cli, 'valid/whole.json');
    const outcome = await cli.run([...args, '--key', key]);
    expect(outcome.json).toMatchObject([{ kind: 'intact' }]);
    expect(outcome.code).toBe(0);
  });

  test('finds a flipped byte and says where', async () => {
    using cli = openCli();
    const { vector, args } = prepare(cli, 'valid/whole.json');
    const text = vector.lines
      .map((line) => `${line}\n`)
      .join('')
      .replace('"at":1000', '"at":1001');
    writeFileSync(cli.home.join('trail.jsonl'), text);
    const outcome = await cli.run([...args, '--key', 'key.pem']);
    expect(outcome.json).toMatchObject([{ kind: 'broken', seq: 1 }]);
    expect(outcome.code).toBe(1);
  });

  test('finds a trail whose end is cut off', async () => {
    using cli = openCli();
    const { vector, args } = prepare(cli, 'valid/whole.json');
    writeFileSync(
      cli.home.join('trail.jsonl'),
      vector.lines
        .slice(0, 1)
        .map((line) => `${line}\n`)
        .join(''),
    );
    const outcome = await cli.run([...args, '--key', 'key.pem']);
    expect(outcome.json).toMatchObject([{ kind: 'broken' }]);
    expect(outcome.code).toBe(1);
  });

  test('says of a file that is no trail that it is none', async () => {
    using cli = openCli();
    prepare(cli, 'valid/whole.json');
    writeFileSync(cli.home.join('notes.txt'), 'remember the milk\n');
    const outcome = await cli.run(['trail', 'verify', 'notes.txt', '--key', 'key.pem', '--json']);
    expect(outcome.error).toMatchObject({ code: 'cli.unreadable' });
    expect(outcome.error.message).toContain('`notes.txt` is not an exported trail');
    expect(outcome.code).toBe(2);
  });

  test.for([
    { what: 'a trail', args: ['absent.jsonl', '--key', 'key.pem'] },
    { what: 'a key', args: ['trail.jsonl', '--key', 'absent.pem'] },
    { what: 'a key', args: ['trail.jsonl', '--key', 'trail.jsonl'] },
    { what: 'a checkpoint', args: ['trail.jsonl', '--key', 'key.pem', '--expected', 'key.pem'] },
  ])('exits with 2 when $what cannot be read: $args', async ({ args }) => {
    using cli = openCli();
    prepare(cli, 'valid/whole.json');
    const outcome = await cli.run(['trail', 'verify', ...args, '--json']);
    expect(outcome.error.message).not.toBe('');
    expect(outcome.code).toBe(2);
  });
});
