import { closeConnection, listConnections } from '@fleetward/protocol';
import type { Command } from 'commander';
import { addVerb, whole } from '../define.ts';
import type { Shell } from '../shell.ts';

/** `fleetward connection …`: who is connected now. */
export function addConnection(noun: Command, shell: Shell): void {
  addList(noun, shell);
  addClose(noun, shell);
}

interface ListFlags {
  readonly thing?: string;
  readonly certificate?: string;
  readonly limit: number;
}

function addList(noun: Command, { output, withApi }: Shell): void {
  addVerb(noun, 'list', {
    summary: 'list the live connections',
    description: 'Lists the live MQTT connections, with what each subscribed to in `--json`.',
    examples: ['fleetward connection list', 'fleetward connection list --thing lamp-7 --json'],
  })
    .option('--thing <name>', 'only those of a thing')
    .option('--certificate <id>', 'only those of a certificate')
    .addOption(
      whole('--limit <count>', { description: 'how many to show at most', min: 1, max: 1_000 }).default(
        1_000,
      ),
    )
    .action(async ({ thing, certificate, limit }: ListFlags) => {
      const query = {
        limit,
        ...(thing === undefined ? {} : { thingName: thing }),
        ...(certificate === undefined ? {} : { certificateId: certificate }),
      };
      const { connections, total } = await withApi((api) => api.call(listConnections, { query }));
      output.list(
        connections,
        {
          client: (row) => row.clientId,
          thing: (row) => row.thingName,
          from: (row) => row.remoteAddress,
          protocol: (row) => row.protocol,
          filters: (row) => row.subscriptions.length,
          connected: (row) => ({ atMs: row.connectedAtMs }),
        },
        'nobody is connected',
      );
      if (total > connections.length) output.note(`${connections.length} of ${total} shown`);
    });
}

function addClose(noun: Command, { output, withApi }: Shell): void {
  addVerb(noun, 'close <client-id>', {
    summary: 'cut a live connection',
    description:
      'Cuts the live connection of a client. It may connect again: to shut a device out, revoke its certificate.',
    examples: ['fleetward connection close lamp-7'],
  }).action(async (clientId: string) => {
    await withApi((api) => api.call(closeConnection, { params: { clientId } }));
    output.done({ clientId, outcome: 'closed' }, `the connection of \`${clientId}\` is cut`);
  });
}
