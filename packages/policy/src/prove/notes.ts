import { isTextual } from './condition-texts.ts';
import type { Space } from './space.ts';

/** What an answer takes for granted. */
export function notesOn({ clauses }: Space): readonly string[] {
  const conditions = clauses.flatMap(({ statement }) => statement.conditions);
  const followed = (condition: (typeof conditions)[number]) =>
    isTextual(condition) || condition.values.every(({ kind }) => kind !== 'text' && kind !== 'arn');
  const taken = [
    ...new Set(
      conditions
        .filter((condition) => !followed(condition) || condition.key.kind === 'availableKeys')
        .map(({ operator, key }) => `\`${operator.name}\` on \`${key.name}\``),
    ),
  ];
  return taken.map((what) => `${what} is taken to be possibly true and possibly not`);
}
