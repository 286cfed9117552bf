import { statSync } from 'node:fs';
import type { Shell } from '../shell.ts';
import { newRefusedLines } from './refused-lines.ts';
import type { ImportedResult } from './thing-import.ts';
import type { NumberedLine } from './thing-lines.ts';

/** Counts, tells each outcome, keeps the lines of which nothing came, and draws how far it is at a terminal. */
export interface ImportTally {
  /** Told of the line that names the columns, where there is one. */
  readonly header: (bytes: Uint8Array) => void;
  add(batch: readonly NumberedLine[], results: readonly ImportedResult[]): void;
  /** Also where it ended early. */
  close(): void;
  end(): void;
}

export function newImportTally(
  shell: Shell,
  {
    file,
    isDry,
    refusedFile,
  }: { readonly file: string; readonly isDry: boolean; readonly refusedFile: string | undefined },
): ImportTally {
  const { output, exitWith } = shell;
  const counts = new Map<ImportedResult['outcome'], number>();
  const sentence = () =>
    [...counts].map(([outcome, count]) => `${count} ${outcome}`).join(', ') || 'no lines';
  const refused = refusedFile === undefined ? undefined : newRefusedLines(refusedFile);
  const progress = newProgress(shell, file);
  const tell = ({ line, thing }: NumberedLine, result: ImportedResult): void => {
    const name = 'fault' in thing ? {} : { thingName: thing.thingName };
    const why = 'reason' in result ? `: ${result.reason}: ${result.explanation}` : '';
    const about = `line ${line}${'fault' in thing ? '' : `, \`${thing.thingName.slice(0, 128)}\``}`;
    if (isDry) output.done({ line, ...name, ...result, dryRun: true }, `${about}: ${result.outcome}${why}`);
    else if (output.json) output.done({ line, ...name, ...result }, '');
    else if (why !== '') output.note(`${about}${why}`);
  };
  return {
    header: (bytes) => refused?.header(bytes),
    add(batch, results) {
      progress.clear();
      for (const [at, line] of batch.entries()) {
        const result = results[at];
        if (result === undefined) throw new TypeError('a line without a result');
        counts.set(result.outcome, (counts.get(result.outcome) ?? 0) + 1);
        tell(line, result);
        if (!('reason' in result)) continue;
        exitWith(1);
        refused?.add(line.bytes);
      }
      progress.draw(batch.at(-1)?.endByte ?? 0, sentence());
    },
    close() {
      progress.clear();
      refused?.close();
    },
    end: () => output.note(isDry ? `would be: ${sentence()}` : sentence()),
  };
}

function newProgress({ terminal, output }: Shell, file: string) {
  const { stderr } = terminal;
  const isDrawn = stderr.isTTY === true && !output.json;
  const totalBytes = isDrawn && file !== '-' ? (statSync(file, { throwIfNoEntry: false })?.size ?? 0) : 0;
  const clear = (): void => void (isDrawn && stderr.write('\r\u001b[K'));
  return {
    clear,
    draw(endByte: number, sentence: string): void {
      if (!isDrawn) return;
      const percent =
        totalBytes === 0 ? '' : `${Math.min(100, Math.floor((100 * endByte) / totalBytes))} %  `;
      clear();
      stderr.write(`${percent}${sentence}`);
    },
  };
}
