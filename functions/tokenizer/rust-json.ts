/**
 * Reads JSON with the numbers that the Rust library has after reading it: serde_json rounds a fraction of more than
 * 2^53 twice, which can change the last bit, and Unigram decides ties between sums of such numbers.
 */

const stringOrNumber = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;
const parts = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/;
const largest = 2n ** 64n - 1n;

/** @throws SyntaxError where the text is not JSON */
export function parseRustJson(text: string): unknown {
  return JSON.parse(
    text.replace(stringOrNumber, token =>
      token.length < 17 || token.charCodeAt(0) === 0x22 ? token : String(rustNumber(token)),
    ),
  );
}

/** serde_json 1, de.rs without `float_roundtrip`: a u64 of the leading digits, as float64, by a power of ten. */
export function rustNumber(token: string): number {
  const [, sign, whole = '', fraction, power = '0'] = parts.exec(token) ?? [];
  if (fraction === undefined && power === '0') return Number(token);
  const { significand, exponent } = leadingDigits(whole, fraction ?? '', Number(power));
  const size = Math.abs(exponent);
  if (size > 308) return Number(token);
  const value = exponent < 0 ? significand / Number(`1e${size}`) : significand * Number(`1e${size}`);
  return sign === '-' ? -value : value;
}

/** As many digits as a u64 holds; those before the point that are left out still count in the exponent. */
function leadingDigits(whole: string, fraction: string, power: number) {
  let digits = whole + fraction;
  let exponent = power - fraction.length;
  if (digits.length > 19) {
    let kept = digits.length;
    while (BigInt(digits.slice(0, kept)) > largest) kept--;
    exponent += digits.length - kept;
    digits = digits.slice(0, kept);
  }
  return { significand: Number(BigInt(digits)), exponent };
}
