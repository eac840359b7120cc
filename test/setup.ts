/** Builds the bundles once: worker threads run from dist/, in tests as in production. */
import { execFileSync } from 'node:child_process';

export default function setup() {
  execFileSync('npm', ['run', '-s', 'build'], { stdio: 'inherit' });
}
