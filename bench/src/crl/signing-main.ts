import { runSigningProcess } from '@fleetward/keys';
import { lintTbsCrl } from '@fleetward/pki';

// A signing process as the platform has one, for CRLs alone: it lints what it is asked to sign.
await runSigningProcess({ lints: { crl: (message) => lintTbsCrl(message) } });
