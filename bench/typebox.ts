/**
 * What our schemas are made of and checked by. The build makes this one file: as it is installed the library is of some 700, which
 * take a command twice as long to open as to start.
 */
export { default as Type } from 'typebox';
export { Value } from 'typebox/value';
