export { streamTopics } from './mqtt.ts';
export { Streams, streamFileId, streamIdOf } from './service.ts';
