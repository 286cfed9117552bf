export { streamTopics } from './mqtt.ts';
export { Streams } from './service.ts';
