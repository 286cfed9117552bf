import { Socket } from 'node:net';

/** A signing process gone wrong: it answers with bytes that are no frame. */
const channel = new Socket({ fd: 3, readable: true, writable: true });
channel.on('data', () => void channel.write(Buffer.alloc(64, 0xff)));
channel.on('close', () => process.exit(0));
