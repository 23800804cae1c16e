/** The entry point `minorfault/uffd`: a userfaultfd to learn, test and build with, simulated on any OS. */
export * from './abi.ts';
export * from './errno.ts';
export * from './kernel.ts';
export * from './open.ts';
export * from './userfaultfd.ts';
