import { createHash } from 'node:crypto';
import { createServer } from 'node:net';

/**
 * Makes sure that one starter runs for a folder: an abstract socket, which the kernel frees with the process however it
 * ends. Answers whether the lock was got. On other systems than Linux the service manager must see to it.
 */
export async function lockFolder(folder: string): Promise<boolean> {
  if (process.platform !== 'linux') return true;
  const name = createHash('sha256').update(folder).digest('hex').slice(0, 32);
  const server = createServer((socket) => socket.destroy());
  const { promise, resolve, reject } = Promise.withResolvers<boolean>();
  server.once('error', (error) =>
    'code' in error && error.code === 'EADDRINUSE' ? resolve(false) : reject(error),
  );
  server.listen(`\0fleetward-starter-${name}`, () => resolve(true));
  server.unref();
  return promise;
}
