/**
 * The binary interface of userfaultfd, and of the system calls around it, as data: every constant, request number,
 * structure and message up to Linux 6.8 (2024), under its Linux name, with codecs. x86-64, little-endian.
 * Structures are camel case (`uffdioCopy` is `struct uffdio_copy`); an embedded `range` is flattened into its
 * structure. Numbers on the wire come from here and nowhere else.
 */
export * from './abi/fcntl.ts';
export * from './abi/features.ts';
export * from './abi/ioctl.ts';
export type { Decoded, Encodable, Field, Fields, FieldValue, Kind, Structure } from './abi/layout.ts';
export * from './abi/message.ts';
export * from './abi/mman.ts';
export * from './abi/names.ts';
export * from './abi/userfaultfd.ts';
