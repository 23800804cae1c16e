/** The entry of a program's thread (actor.ts). */
import { parentPort } from 'node:worker_threads';
import { act } from './actor.ts';

act(() => parentPort?.postMessage('attached'));
