/** Options by the name that the command line has for them. */

/** `learningRate` -> `learning-rate`. */
export const flagOf = (name: string) => name.replace(/[A-Z]/g, letter => `-${letter.toLowerCase()}`);
