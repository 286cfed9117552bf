import type { FastifyReply } from 'fastify';
import { HttpError } from './errors.ts';

/** The time of one request. */
export interface Deadline {
  /** Aborts when the client leaves, the time is up or the server stops. */
  readonly signal: AbortSignal;
  /** From here on it may take as long as it moves: for uploads and downloads, once the caller is known. */
  lift(): void;
}

export interface Deadlines {
  /** Throws `http.stopping` once stopped. */
  begin(reply: FastifyReply, timeoutMs: number): Deadline;
  stop(): void;
}

/** Requests under way, each with its deadline. */
export function createDeadlines(): Deadlines {
  const underWay = new Set<AbortController>();
  let isStopped = false;
  return {
    begin(reply, timeoutMs) {
      if (isStopped) throw stopping();
      const controller = new AbortController();
      const timer = setTimeout(() => expire(reply, controller), timeoutMs);
      underWay.add(controller);
      reply.raw.once('close', () => {
        clearTimeout(timer);
        underWay.delete(controller);
        if (!reply.raw.writableFinished)
          controller.abort(new HttpError('http.stopping', 'the client went away'));
      });
      return { signal: controller.signal, lift: () => clearTimeout(timer) };
    },
    stop() {
      isStopped = true;
      for (const controller of underWay) controller.abort(stopping());
    },
  };
}

function stopping(): HttpError {
  return new HttpError('http.stopping', 'the server is stopping: try again');
}

/** The answer ends the connection: what remains of the request is not waited for. */
function expire(reply: FastifyReply, controller: AbortController): void {
  const failure = new HttpError('http.timeout', 'the request was not complete in time');
  controller.abort(failure);
  if (reply.sent || reply.raw.headersSent) return;
  reply.raw.once('finish', () => reply.raw.socket?.destroySoon());
  reply.header('connection', 'close').send(failure);
}
