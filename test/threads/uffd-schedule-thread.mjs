/**
 * A thread that does one kernel call and stops in the middle of it: before (or after) its first atomic operation of
 * the named kind on the named table. It says so in `control`, and goes on when told.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { openKernel } from '../../dist/uffd/index.js';
import { attachMachine } from '../../dist/uffd/sim/machine.js';

const { handle, control, stop, call } = workerData;
const kernel = openKernel(handle);
const table = attachMachine(handle.machine)[stop.table];
const { wait, load, store, notify } = Atomics;

function pause() {
  store(control, 0, 1);
  notify(control, 0);
  while (load(control, 1) === 0) wait(control, 1, 0);
}

const original = Atomics[stop.operation];
Atomics[stop.operation] = (words, ...rest) => {
  const isIt = words.byteOffset === table.byteOffset && words.buffer.byteLength === table.buffer.byteLength;
  if (!isIt) return original(words, ...rest);
  Atomics[stop.operation] = original;
  if (!stop.after) pause();
  const result = original(words, ...rest);
  if (stop.after) pause();
  return result;
};

try {
  const [name, ...args] = call;
  if (name === 'readBytes') {
    const bytes = new Uint8Array(32);
    parentPort.postMessage({ result: kernel.read(args[0], bytes), bytes });
  } else if (name === 'enter') {
    kernel.mutatorView(...args).enter();
    parentPort.postMessage({ result: 'entered' });
  } else {
    parentPort.postMessage({ result: kernel[name](...args) });
  }
} catch (error) {
  parentPort.postMessage({ result: `${error.name} ${error.code}` });
}
