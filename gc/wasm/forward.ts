// Where an object goes: gc/forward.ts, compiled.
import { blackBegin, blackSlide, liveness, nonMoving } from './tables';

function forward(ref: u32): u32 {
  if (ref >= blackBegin) return ref >= nonMoving ? ref : ref - blackSlide;
  const chunk = liveness + ((ref >>> 5) << 3);
  const below = load<u32>(chunk) & ((1 << (ref & 31)) - 1);
  return load<u32>(chunk, 4) + <u32>popcnt<u32>(below);
}

/** Forwards the references in [first, end). */
export function forwardAll(first: usize, end: usize): void {
  for (let at = first; at < end; at += 4) store<u32>(at, forward(load<u32>(at)));
}
