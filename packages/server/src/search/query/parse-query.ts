import { queryInvalid } from '../errors.ts';
import type { Operator, Query, Term, Value } from './query.ts';
import { type Token, tokensOf } from './tokens.ts';

export interface QueryLimits {
  /** Characters of one query. */
  readonly queryLengthMax: number;
  /** Conditions of one query. */
  readonly queryTermsMax: number;
  /** Parentheses and `not`s in one another. */
  readonly queryDepthMax: number;
}

/** Parses a query, which anybody may have written; throws `search.query_invalid` that says where it stops being one. */
export function parseQuery(text: string, limits: QueryLimits): Query {
  const { queryLengthMax } = limits;
  if (text.length > queryLengthMax)
    throw queryInvalid(
      queryLengthMax + 1,
      `a query has at most ${queryLengthMax} characters (setting \`search.queryLengthMax\`)`,
    );
  return new Parser(tokensOf(text), limits).query();
}

/** Recursive descent: `or` of `and`s of conditions. */
class Parser {
  readonly #tokens: readonly Token[];
  readonly #limits: QueryLimits;
  #at = 0;
  #terms = 0;
  #depth = 0;

  constructor(tokens: readonly Token[], limits: QueryLimits) {
    this.#tokens = tokens;
    this.#limits = limits;
  }

  query(): Query {
    const query = this.#either();
    const rest = this.#next;
    if (rest.kind === 'end') return query;
    if (rest.kind === ')') throw queryInvalid(rest.position, 'this `)` closes nothing');
    throw queryInvalid(rest.position, 'between two conditions stands `and` or `or`');
  }

  #either(): Query {
    return this.#list('or', () => this.#list('and', () => this.#one()));
  }

  #list(kind: 'and' | 'or', item: () => Query): Query {
    const items = [item()];
    while (this.#takeWord(kind)) items.push(item());
    return items.length === 1 ? items[0]! : { kind, items };
  }

  #one(): Query {
    if (this.#takeWord('not')) return { kind: 'not', item: this.#deeper(() => this.#one()) };
    const opening = this.#next;
    if (opening.kind !== '(') return this.#term();
    this.#at++;
    const inner = this.#deeper(() => this.#either());
    if (this.#next.kind === ')') {
      this.#at++;
      return inner;
    }
    if (this.#next.kind === 'end') throw queryInvalid(opening.position, 'this `(` is not closed');
    throw queryInvalid(this.#next.position, 'between two conditions stands `and` or `or`');
  }

  #deeper(read: () => Query): Query {
    const { queryDepthMax } = this.#limits;
    this.#depth++;
    if (this.#depth > queryDepthMax) {
      const why = `at most ${queryDepthMax} parentheses and \`not\`s stand in one another (setting \`search.queryDepthMax\`)`;
      throw queryInvalid(this.#next.position, why);
    }
    const query = read();
    this.#depth--;
    return query;
  }

  #term(): Term {
    const { position } = this.#next;
    const { queryTermsMax } = this.#limits;
    this.#terms++;
    if (this.#terms > queryTermsMax) {
      const why = `a query has at most ${queryTermsMax} conditions (setting \`search.queryTermsMax\`)`;
      throw queryInvalid(position, why);
    }
    const field = this.#field();
    return { kind: 'term', field, operator: this.#operator(field), value: this.#value(field), position };
  }

  #field(): string {
    const token = this.#next;
    const isField = token.kind === 'quoted' || (token.kind === 'word' && !isKeyword(token.text));
    if (!isField) throw queryInvalid(token.position, 'here a condition is missing, such as `type:oven`');
    this.#at++;
    return token.text;
  }

  #operator(field: string): Operator {
    const token = this.#next;
    if (token.kind !== 'operator')
      throw queryInvalid(token.position, `after \`${field}\` stands \`:\`, \`<\`, \`<=\`, \`>\` or \`>=\``);
    this.#at++;
    return token.text;
  }

  #value(field: string): Value {
    const token = this.#next;
    if (token.kind !== 'word' && token.kind !== 'quoted')
      throw queryInvalid(
        token.position,
        `the value of \`${field}\` is missing; one with signs or blanks stands in quotes`,
      );
    this.#at++;
    return { text: token.text, isQuoted: token.kind === 'quoted', position: token.position };
  }

  #takeWord(keyword: string): boolean {
    const token = this.#next;
    if (token.kind !== 'word' || token.text.toLowerCase() !== keyword) return false;
    this.#at++;
    return true;
  }

  get #next(): Token {
    return this.#tokens[this.#at]!;
  }
}

function isKeyword(text: string): boolean {
  return /^(?:and|or|not)$/i.test(text);
}
