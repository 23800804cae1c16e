/** Runs the command as a user does: the compiled file, in a process of its own. */
import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const CLI = fileURLToPath(new URL('../../dist/bench/cli.js', import.meta.url));

/** The environment of a host without the FFI package. */
export const WITHOUT_FFI = {
  NODE_OPTIONS: `--require ${fileURLToPath(new URL('../fixtures/without-koffi.cjs', import.meta.url))}`,
};

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Watch {
  /** Called whenever standard error has grown; `kill` sends a signal. */
  readonly onStderr?: (stderr: string, kill: (signal: NodeJS.Signals) => void, child: ChildProcess) => void;
  /** Added to the environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** Closes standard output at its first bytes, as `head` does. */
  readonly closeStdout?: boolean;
}

/** Settles when the process and its output have ended. */
export function minorfault(args: readonly string[], watch: Watch = {}): Promise<Ended> {
  const env = { ...process.env, ...watch.env };
  const child = spawn(process.execPath, [CLI, ...args], { stdio: ['ignore', 'pipe', 'pipe'], env });
  // A test that is out of time leaves nothing running.
  const end = () => child.kill('SIGKILL');
  process.once('exit', end);
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk) => {
    stdout += chunk;
    if (watch.closeStdout) child.stdout.destroy();
  });
  child.stderr.on('data', (chunk) => {
    stderr += chunk;
    watch.onStderr?.(stderr, (signal) => child.kill(signal), child);
  });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => {
      process.off('exit', end);
      resolve({ code, stdout, stderr });
    });
  });
}
