/** The other end of `Child.ask`: answers each message in turn, and ends with the parent or on SIGTERM. */
export function serveParent<Message>(options: {
  readonly answer: (message: Message) => Promise<object>;
  readonly stop: () => Promise<void>;
}): void {
  process.on('message', (message: Message) => {
    options.answer(message).then(
      (answer) => process.send?.(answer),
      (error: unknown) => {
        console.error(error);
        process.exit(1);
      },
    );
  });
  const end = (): void => void options.stop().finally(() => process.exit(0));
  process.once('SIGTERM', end);
  process.once('disconnect', end);
  process.on('SIGINT', () => undefined); // the parent decides
}
