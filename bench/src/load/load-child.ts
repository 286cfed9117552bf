import { serveParent } from '../child-main.ts';
import { type AcksRequest, runAcks } from './run-acks.ts';
import { type HandshakesRequest, runHandshakes } from './run-handshakes.ts';
import { type IdleRequest, runIdle } from './run-idle.ts';
import { type LoadRequest, runLoad } from './run-load.ts';
import { type PacedRequest, runPaced } from './run-paced.ts';

type Request =
  | ({ readonly kind: 'workload' } & LoadRequest)
  | ({ readonly kind: 'handshakes' } & HandshakesRequest)
  | ({ readonly kind: 'idle' } & IdleRequest)
  | ({ readonly kind: 'paced' } & PacedRequest)
  | ({ readonly kind: 'acks' } & AcksRequest);

// The load in a process of its own, so that it is not counted; one for all runs, so that it is as warm in each.
serveParent<Request>({ answer, stop: async () => undefined });

function answer(request: Request): Promise<object> {
  switch (request.kind) {
    case 'workload':
      return runLoad(request);
    case 'handshakes':
      return runHandshakes(request);
    case 'idle':
      return runIdle(request);
    case 'paced':
      return runPaced(request);
    case 'acks':
      return runAcks(request);
  }
}
