/** A thread of a simulated machine: does the kernel calls it is sent, in order, and answers each list at its end. */
import { parentPort, workerData } from 'node:worker_threads';
import { openKernel } from '../../dist/uffd/index.js';

const kernel = openKernel(workerData);
const views = new Map();

/** Beside the kernel's methods: what a test wants of another thread. */
const more = {
  peek(addr, length) {
    const bytes = new Uint8Array(length);
    kernel.copyOut(addr, bytes);
    return bytes;
  },
  readBytes(fd, length) {
    const bytes = new Uint8Array(length);
    const result = kernel.read(fd, bytes);
    return result < 0 ? result : bytes.slice(0, result);
  },
  view(addr, length) {
    views.set(addr, kernel.mutatorView(addr, length));
  },
  stallsOf(addr, word) {
    const stalls = [];
    const view = views.get(addr);
    view.onStall = (address, began, ended) => stalls.push({ address, slept: ended >= began });
    view.enter();
    try {
      view.load(word);
    } finally {
      view.leave();
    }
    return stalls;
  },
};

function perform([name, ...args]) {
  if (name in more) return more[name](...args);
  const result = kernel[name](...args);
  return typeof result === 'object' ? undefined : result;
}

parentPort.on('message', ({ id, calls }) => {
  try {
    parentPort.postMessage({ id, results: calls.map(perform) });
  } catch (error) {
    const { name, message, code, address } = error;
    parentPort.postMessage({ id, error: { name, message, code, address } });
  }
});
parentPort.postMessage({ id: 0, results: [kernel.gettid()] });
