export { type Config, ConfigError, loadConfig } from './config.ts';
export { InitError, type Initialised, type InitPorts, initialise } from './init.ts';
export { NotInitialisedError } from './initialised.ts';
export { withRootKey } from './root-key.ts';
export { type RotatedMasterKey, rotateMasterKey } from './rotate-master-key.ts';
export { settings } from './settings.ts';
export { systemClock, systemRandom } from './system.ts';
export { type Platform, type PlatformParts, startPlatform } from './wiring.ts';
