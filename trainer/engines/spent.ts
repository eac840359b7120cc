/** Where the time of a run goes on the side that issues its ops, in milliseconds. */
export interface Spent {
  /** From the first tensor that is made of what was fed until the last op is issued: all that is not waiting for results. */
  issuing: number;
  /** Of that, inside the vendor's library: on a GPU its calls launch an op and return, on the CPU they are the op. */
  calls: number;
}
