/**
 * Levels of objects and arrays in a section, the section itself counted. AWS IoT's text says 6 and its table of quotas 8: the larger
 * one is taken, so that no device that works there is refused here, with the text that devices know.
 */
export const levelsMax = 8;

/** Of a client token, in UTF-8. */
export const clientTokenBytesMax = 64;

/** `NAME` of `…/shadow/name/NAME`. */
export const shadowNamePattern = /^[a-zA-Z0-9:_-]{1,64}$/;
