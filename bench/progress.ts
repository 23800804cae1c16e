/**
 * Progress on standard error: on a terminal one line, rewritten; elsewhere a line for each finished run, and one a minute. (Not
 * nanospinner: it looks at standard output to tell a terminal, and ends the process itself on SIGINT.)
 */

/** A quarter of a second: fast enough to be alive, slow enough not to disturb what is measured. */
const INTERVAL_MS = 250;
/** Where lines stay: seldom enough for a log, often enough to tell what is slow from what hangs. */
const LINE_INTERVAL_MS = 60_000;

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
  const { watch, end } = repeated(LINE_INTERVAL_MS, line);
  return { note: line, watch, finished: line, end };
}

function rewritingProgress(stream: ProgressStream): Progress {
  const clear = () => stream.write('\r\x1b[2K');
  const { watch, end } = repeated(INTERVAL_MS, (text) =>
    stream.write(`\r\x1b[2K${text.slice(0, (stream.columns || 80) - 1)}`),
  );
  return {
    note(line) {
      clear();
      stream.write(`${line}\n`);
    },
    watch,
    finished() {},
    end() {
      if (end()) clear();
    },
  };
}

/** Draws what is watched every so often. `end` answers whether anything was. */
function repeated(intervalMs: number, draw: (text: string) => void) {
  const began = performance.now();
  let describe: () => string = () => '';
  let timer: NodeJS.Timeout | null = null;
  const seconds = () => Math.floor((performance.now() - began) / 1000);
  return {
    watch(next: () => string): void {
      describe = next;
      timer ??= setInterval(() => draw(`${describe()}, ${seconds()} s`), intervalMs).unref();
    },
    end(): boolean {
      const hadAny = timer !== null;
      if (timer) clearInterval(timer);
      timer = null;
      return hadAny;
    },
  };
}
