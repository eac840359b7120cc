/** Whether this CPU adds products of 8-bit numbers without saturating at 16 bits. */
import { readFileSync } from 'node:fs';

/**
 * x86 without VNNI multiplies unsigned by signed bytes with vpmaddubsw, whose 16-bit sums saturate beyond 7-bit
 * activations. Arm's dot product and int8 matrix instructions do not. Unknown CPUs count as the careful kind.
 */
export function saturates(): boolean {
  if (process.arch === 'arm64') return false;
  try {
    return !/\b(avx512_?vnni|avx_vnni)\b/.test(readFileSync('/proc/cpuinfo', 'latin1'));
  } catch {
    return true;
  }
}
