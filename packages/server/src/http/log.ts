/** What the HTTP layer needs of a logger; pino has this form. */
export interface HttpLog {
  info(fields: object, message: string): void;
  error(fields: object, message: string): void;
}
