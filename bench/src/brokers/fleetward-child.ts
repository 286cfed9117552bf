import { loadConfig, type Platform, startPlatform, systemClock, systemRandom } from '@fleetward/server';
import { serveParent } from '../child-main.ts';

// The platform in a process of its own; the parent sends the settings and is told the ports.
let platform: Platform | undefined;

serveParent<object>({
  answer: async (overrides) => {
    const parts = { clock: systemClock, random: systemRandom, environment: process.env };
    platform = await startPlatform(loadConfig({ overrides }), parts);
    return platform.ports;
  },
  stop: async () => platform?.stop(),
});
