/**
 * Progress on standard error: on a terminal one line, rewritten; elsewhere a line for each finished run. (Not
 * nanospinner: it looks at standard output to tell a terminal, and ends the process itself on SIGINT.)
 */

/** A quarter of a second: fast enough to be alive, slow enough not to disturb what is measured. */
const INTERVAL_MS = 250;

/** Where progress goes: `process.stderr`, or as much of it as matters. */
export interface ProgressStream {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

export interface Progress {
  /** A line that stays. */
  note(line: string): void;
  /** From now on `describe` tells what is going on, until something else does. */
  watch(describe: () => string): void;
  /** A run is finished. */
  finished(line: string): void;
  /** Nothing more to tell: the rewritten line goes away. */
  end(): void;
}

const SILENT: Progress = { note() {}, watch() {}, finished() {}, end() {} };

export function createProgress(stream: ProgressStream, quiet: boolean): Progress {
  if (quiet) return SILENT;
  return stream.isTTY ? rewritingProgress(stream) : lineProgress(stream);
}

function lineProgress(stream: ProgressStream): Progress {
  const line = (text: string) => void stream.write(`${text}\n`);
  return { ...SILENT, note: line, finished: line };
}

function rewritingProgress(stream: ProgressStream): Progress {
  const began = performance.now();
  let describe: (() => string) | null = null;
  let timer: NodeJS.Timeout | null = null;
  const clear = () => stream.write('\r\x1b[2K');
  const draw = () => {
    if (!describe) return;
    const seconds = Math.floor((performance.now() - began) / 1000);
    stream.write(`\r\x1b[2K${`${describe()}, ${seconds} s`.slice(0, (stream.columns || 80) - 1)}`);
  };
  return {
    note(line) {
      clear();
      stream.write(`${line}\n`);
    },
    watch(next) {
      describe = next;
      timer ??= setInterval(draw, INTERVAL_MS).unref();
    },
    finished() {},
    end() {
      if (timer) clearInterval(timer);
      if (describe) clear();
      timer = null;
      describe = null;
    },
  };
}
