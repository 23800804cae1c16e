/** Why a kernel cannot be had. */

/** What is missing, and what would help: two clauses. */
export interface Missing {
  readonly why: string;
  readonly remedy: string;
}

/** This host, or this build, has no such kernel; or the simulated one, as it was asked for, is not enough. */
export class KernelUnavailableError extends Error {
  readonly code = 'KERNEL_UNAVAILABLE';
  readonly remedy: string;
  constructor({ why, remedy }: Missing, kernel: 'linux' | 'simulated' = 'linux') {
    super(`the ${kernel} kernel cannot be used: ${why}; ${remedy}`);
    this.name = 'KernelUnavailableError';
    this.remedy = remedy;
  }
}
