import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Where Linux says what feeds the device (Documentation/ABI/testing/sysfs-class-power). */
export const powerSupplies = '/sys/class/power_supply';
const suppliesMax = 64;

/** How full the emptiest battery of the device is; `undefined` where there is none, or none that can be read. */
export function readBatteryPercent(folder: string): number | undefined {
  const percents = namesIn(folder).flatMap((name) => percentOf(join(folder, name)));
  return percents.length === 0 ? undefined : Math.min(...percents);
}

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder).slice(0, suppliesMax);
  } catch {
    return []; // another system, or a container without it
  }
}

function percentOf(supply: string): readonly number[] {
  // `Device` is the battery of something that is plugged in, such as a mouse.
  if (attribute(supply, 'type') !== 'Battery' || attribute(supply, 'scope') === 'Device') return [];
  const text = attribute(supply, 'capacity') ?? '';
  const percent = /^\d{1,3}$/.test(text) ? Number(text) : Number.NaN;
  return percent <= 100 ? [percent] : [];
}

/** Nothing where the driver does not have it, or cannot tell now. */
function attribute(supply: string, name: string): string | undefined {
  try {
    return readFileSync(join(supply, name), 'latin1').trim();
  } catch {
    return undefined;
  }
}
