/** An entry that forgot to run anything. */
process.exitCode = 0;
