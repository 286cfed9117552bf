/** Largest policy document, in bytes. AWS IoT stops at 2,048 characters; a superset refuses none of its policies. */
export const POLICY_BYTES_MAX = 16 * 1024;
/** A document is six levels deep; the rest lets an issue name what is wrong instead of the depth. */
export const POLICY_DEPTH_MAX = 12;
/** Longest single resource or condition value, in UTF-16 code units: it bounds the cost of one match. */
export const TEMPLATE_CHARS_MAX = 2048;
/** Problems listed for one document; the rest is cut off. */
export const POLICY_ISSUES_MAX = 100;
/** A longer value of a variable is not substituted (AWS IoT, X.509 certificate policy variables). */
export const VARIABLE_CHARS_MAX = 1024;
