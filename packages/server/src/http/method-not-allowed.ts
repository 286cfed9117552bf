import type { FastifyInstance } from 'fastify';
import { HttpError } from './errors.ts';

const methods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const;

interface Operation {
  readonly method: string;
  readonly path: string;
}

/** Answers 405 with `Allow` for a path that is known with other methods (RFC 9110 §15.5.6). */
export function registerMethodsNotAllowed(app: FastifyInstance, operations: readonly Operation[]): void {
  const paths = new Set(operations.map(({ path }) => path));
  for (const url of paths) {
    const allowed = allowedAt(url, operations);
    const others = methods.filter((method) => !allowed.has(method));
    if (others.length === 0) continue;
    app.route({
      method: others,
      url,
      onRequest: async (_, reply) => {
        const allow = [...allowed].join(', ');
        reply.header('allow', allow);
        throw new HttpError('http.method_not_allowed', `this path takes ${allow}`);
      },
      handler: async () => undefined,
    });
  }
}

/** A literal path such as `/v1/policies/test` also takes what `/v1/policies/:policyName` takes. */
function allowedAt(url: string, operations: readonly Operation[]): ReadonlySet<string> {
  const allowed = new Set<string>();
  for (const { method, path } of operations) {
    if (path !== url && !patternOf(path).test(url)) continue;
    allowed.add(method);
    if (method === 'GET') allowed.add('HEAD');
  }
  return allowed;
}

function patternOf(path: string): RegExp {
  const source = path
    .replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
    .replace(/:\w+/g, '[^/]+')
    .replace(/\\\*/g, '.*');
  return new RegExp(`^${source}$`);
}
