/**
 * V8 lets a heap as small as a server's double before it collects all of it: under load every other second, for 20 ms in
 * which answers wait. Fourfold is what it lets large heaps grow. The flags are V8's own (src/flags/flag-definitions.h); given on
 * the command line they would have it refuse Node's own code cache, 8 ms of a start.
 */
export const heapGrowth = {
  ofServer: '--heap-growing-percent=300',
  ofV8: '--heap-growing-percent=0',
} as const;
