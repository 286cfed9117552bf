import { serveParent } from '../child-main.ts';
import { type LoadRequest, runLoad } from './run-load.ts';

// The load in a process of its own, so that it is not counted; one for all runs, so that it is as warm in each.
serveParent<LoadRequest>({ answer: runLoad, stop: async () => undefined });
