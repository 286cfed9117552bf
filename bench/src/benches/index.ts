import { workloadNames } from '../workloads.ts';
import { agent } from './agent.ts';
import type { Bench, LibraryBench } from './bench.ts';
import { chunks } from './chunks.ts';
import { crl } from './crl.ts';
import { download } from './download.ts';
import { durable } from './durable.ts';
import { filters } from './filters.ts';
import { handshakes } from './handshakes.ts';
import { idleMemory } from './idle-memory.ts';
import { issue } from './issue.ts';
import { latency } from './latency.ts';
import { ocsp } from './ocsp.ts';
import { policy } from './policy.ts';
import { prove } from './prove.ts';
import { revocation } from './revocation.ts';
import { search } from './search.ts';
import { sweep } from './sweep.ts';
import { throughputBench } from './throughput.ts';

/** In the order in which they run. */
export const benches: readonly (Bench | LibraryBench)[] = [
  ...workloadNames.map(throughputBench),
  durable,
  filters,
  latency,
  handshakes,
  idleMemory,
  sweep,
  policy,
  prove,
  revocation,
  crl,
  ocsp,
  download,
  chunks,
  issue,
  search,
  agent,
];
